// Two lines: a URL, and the Location that is found there.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/target.h"

namespace {

using namespace heapwatch::net;

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const std::string url = text.substr(0, line);
  const std::string location = text.substr(std::min(line + 1, text.size()));
  const std::string shown = shown_url(url);
  require(shown.size() <= url.size() + 3);
  const auto target = parse_authority(url);
  if (!target) {
    require(!target.error().message.empty());
    return 0;
  }
  require(!target->host.empty());
  require(shares_credentials(*target, *target));
  const auto next = resolve_location(url, location);
  if (!next) {
    return 0;
  }
  // Where it leads can be parsed, or is refused; and what is resolved stays as it is.
  const auto there = parse_authority(*next);
  if (there) {
    const auto again = resolve_location(*next, *next);
    require(again.has_value());
    const auto same = parse_authority(*again);
    require(same && *same == *there);
  }
  (void)with_host(url, location);
  return 0;
}
