// Any bytes as the file of a mapping: looking for names and lines ends, and what is found makes
// sense.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "symbols/symbolizer.h"

namespace {

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace symbols = heapwatch::symbols;
  const int file = memfd_create("elf", MFD_CLOEXEC);
  require(file >= 0);
  require(write(file, data, size) == static_cast<ssize_t>(size));
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  symbols::Symbolizer symbolizer({.debug_folders = {}});
  for (std::uint64_t i = 0; i <= 16; ++i) {
    for (const std::uint64_t offset : {i, i * size / 16, ~std::uint64_t{0} - i, i << 60U}) {
      for (const std::uint64_t start : {0U, 4096U}) {
        const auto frames = symbolizer.frames({.path = path, .start = start}, offset);
        if (!frames) {
          continue;
        }
        for (const symbols::Frame& frame : *frames) {
          require(frame.function.find('\0') == std::string::npos);
          require(frame.system_name.find('\0') == std::string::npos);
        }
      }
    }
  }
  close(file);
  return 0;
}
