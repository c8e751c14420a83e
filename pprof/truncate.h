// Floating point to integer for any value, as the profiles' other readers do it.
#pragma once

#include <cstdint>
#include <limits>

namespace heapwatch::pprof {

/// Towards zero; what does not fit, and NaN, become the lowest number, as on x86-64.
[[nodiscard]] constexpr std::int64_t truncate_to_int(double value) {
  constexpr double limit = 9223372036854775808.0;
  if (value >= -limit && value < limit) {
    return static_cast<std::int64_t>(value);
  }
  return std::numeric_limits<std::int64_t>::min();
}

}  // namespace heapwatch::pprof
