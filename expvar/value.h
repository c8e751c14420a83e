// Which values of a page are numbers.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/number.h"

namespace heapwatch::expvar {

/// A number as JSON writes it, or `NaN`, `Infinity`, `-Infinity`. Beyond the range of doubles it
/// is an infinity or 0. The text must have that form.
[[nodiscard]] base::Number read_json_number(std::string_view text);

/// Text that Python's float() takes: "12.5", " 7 ", "1e3", "1_000", "+.5", "nan", "-Infinity".
/// Integers stay integers.
[[nodiscard]] std::optional<base::Number> read_numeric_text(std::string_view text);

/// How many digits there are before the exponent.
struct Decimal {
  std::size_t whole = 0;
  bool has_point = false;
  std::size_t fraction = 0;
};
/// Text without a sign that is digits? ("." digits?)? (e sign? digits)?
[[nodiscard]] std::optional<Decimal> read_decimal(std::string_view text);

}  // namespace heapwatch::expvar
