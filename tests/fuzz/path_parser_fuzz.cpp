// Any path, held against a key; a path that parses must parse again from its own text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check/go_expvar/name.h"
#include "expvar/path.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapwatch::expvar;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t split = input.find('\n');
  const std::string_view text = input.substr(0, split);
  const std::string_view key = split == std::string_view::npos ? text : input.substr(split + 1);
  (void)heapwatch::check::go_expvar::normalize(key, std::string(text));
  const auto path = parse_path(text);
  if (!path) {
    return 0;
  }
  for (const Segment& segment : path->segments) {
    std::vector<std::pair<std::string, std::string>> groups;
    if (segment.matches(key)) {
      segment.capture(key, groups);
    }
  }
  const auto again = parse_path(path->text());
  if (!again || again->text() != path->text()) {
    std::abort();
  }
  return 0;
}
