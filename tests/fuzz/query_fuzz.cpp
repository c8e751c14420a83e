// Any query of a URL.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/query.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapwatch::base;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Query query = parse_query(text);
  const auto parameters = static_cast<std::size_t>(std::count(text.begin(), text.end(), '&')) + 1;
  std::size_t bytes = 0;
  for (const auto& one : query) {
    bytes += one.first.size() + one.second.size();
    const auto first = std::find_if(query.begin(), query.end(),
                                    [&](const auto& other) { return other.first == one.first; });
    if (query_value(text, one.first) != first->second) {
      std::abort();
    }
  }
  if (query.size() > parameters || bytes > size) {
    std::abort();
  }
  return 0;
}
