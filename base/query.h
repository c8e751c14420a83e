// The query of a URL, after its question mark.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heapwatch::base {

/// The parameters in their order, percent signs and `+` resolved; a key without a value has an
/// empty one. A percent sign that no two hexadecimal digits follow stands for itself.
using Query = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] Query parse_query(std::string_view query);

/// The first value of `key`, absent when the key is not there.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view key);

}  // namespace heapwatch::base
