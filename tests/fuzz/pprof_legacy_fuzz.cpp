// Any bytes as a profile of the older formats.
#include <cstddef>
#include <cstdint>

#include "pprof/encode.h"
#include "pprof/legacy/legacy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapwatch::pprof;
  if (const auto profile = parse_legacy({reinterpret_cast<const char*>(data), size})) {
    static_cast<void>(encode_proto(*profile));
  }
  return 0;
}
