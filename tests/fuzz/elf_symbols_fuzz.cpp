// Any bytes as the file of a mapping: looking for names ends, and what is found makes sense.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "memory/native/symbols.h"

namespace {

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using heapwatch::memory::native::Symbols;
  const int file = memfd_create("elf", MFD_CLOEXEC);
  require(file >= 0);
  require(write(file, data, size) == static_cast<ssize_t>(size));
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  Symbols symbols;
  for (std::uint64_t i = 0; i <= 16; ++i) {
    for (const std::uint64_t offset : {i, i * size / 16, ~std::uint64_t{0} - i, i << 60U}) {
      if (const Symbols::Function* const found = symbols.find(path, offset)) {
        require(!found->name.empty() && !found->system_name.empty());
        require(found->name.find('\0') == std::string::npos);
      }
    }
  }
  close(file);
  return 0;
}
