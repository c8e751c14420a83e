// The query of a URL, after its question mark.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace heapwatch::base {

/// The parameters in their order, percent signs and `+` resolved; a key without a value has an
/// empty one. A percent sign that no two hexadecimal digits follow stands for itself.
using Query = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] Query parse_query(std::string_view query);

/// The first value of `key`, absent when the key is not there.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view key);

/// A whole number as it stands in a URL: digits, with a minus sign before or not.
[[nodiscard]] std::optional<std::int64_t> whole_number(std::string_view text);

/// What a number of a query may be.
struct QueryNumber {
  std::int64_t absent = 0;  // where the key is not there
  std::int64_t least = 0;
  std::int64_t most = 0;
};

/// The first value of `key` as a whole number. Errors: invalid, with the key and what it may be.
[[nodiscard]] Result<std::int64_t> query_number(std::string_view query, std::string_view key,
                                                const QueryNumber& number);

}  // namespace heapwatch::base
