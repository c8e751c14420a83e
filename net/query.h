// The query of a URL, after its question mark.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace heapwatch::net {

/// The value of `key`, its percent signs and `+` resolved; empty for a key without one, absent when
/// the key is not there.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view key);

}  // namespace heapwatch::net
