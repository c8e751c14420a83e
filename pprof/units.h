// Values with units as people read them: 553.04MB, 1.50s, 12.3%.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pprof/profile.h"

namespace heapwatch::pprof {

struct Scaled {
  double value = 0;
  std::string unit;  // empty where it says nothing, as for counts
};

/// Converts between units of one family: memory, time, or compute. To "minimum" and "auto" means to
/// the largest unit of which there is at least one. Units of no family stay as they are.
[[nodiscard]] Scaled scale(std::int64_t value, std::string_view from, std::string_view to);

/// The scaled value with at most two decimals and its unit.
[[nodiscard]] std::string scaled_label(std::int64_t value, std::string_view from,
                                       std::string_view to);

/// " 1.23%", "  100%", "0.024%".
[[nodiscard]] std::string percentage(std::int64_t value, std::int64_t total);

/// True when values of the one can be scaled to the other: same kind, units of one family.
[[nodiscard]] bool is_compatible(std::string_view type_a, std::string_view unit_a,
                                 std::string_view type_b, std::string_view unit_b);

/// `text` without the blanks at its start, for percentages inside a sentence.
[[nodiscard]] std::string_view without_padding(std::string_view text);

}  // namespace heapwatch::pprof
