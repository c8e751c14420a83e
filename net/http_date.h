// Dates as HTTP writes them.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace heapwatch::net {

/// "Sun, 06 Nov 1994 08:49:37 GMT" and the older forms; nothing when it is none of them.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parse_http_date(
    std::string_view text);

}  // namespace heapwatch::net
