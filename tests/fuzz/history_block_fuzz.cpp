// A block of history is anything: what can be read is written the same way again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "history/frames.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view block(reinterpret_cast<const char*>(data), size);
  const auto frames = heapwatch::history::decode(block);
  if (!frames) {
    return 0;
  }
  const auto again = heapwatch::history::decode(heapwatch::history::encode(*frames));
  if (!again || !(*again == *frames)) {
    std::abort();
  }
  return 0;
}
