// Bytes from a process that was taken over never break the agent that reads them, and what is read
// as a message is written as the same bytes again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "check/isolation/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapwatch::check::isolation;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  Decoder whole;
  Decoder pieces;
  whole.add(input);
  std::string again;
  std::size_t at = 0;
  while (true) {
    auto message = whole.next();
    auto same = pieces.next();
    while (same && !*same && at < input.size()) {
      pieces.add(input.substr(at++, 1));
      same = pieces.next();
    }
    if (message.has_value() != same.has_value() ||
        (message && message->has_value() != same->has_value())) {
      std::abort();  // where the stream is cut made a difference
    }
    if (!message || !*message) {
      break;
    }
    const auto bytes = encode(**message);
    if (!bytes) {
      std::abort();
    }
    again += *bytes;
  }
  // Maps are written sorted, and times are clamped: only the length is bound to be no longer.
  if (again.size() > input.size()) {
    std::abort();
  }
  return 0;
}
