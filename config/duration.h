// Durations as Prometheus writes them.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "config/section.h"

namespace heapwatch::config {

/// "30ms", "5s", "1h30m", "1d": whole numbers with units from the longest to the shortest; a number
/// alone is seconds.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

struct DurationRange {
  std::chrono::milliseconds min{0};
  std::chrono::milliseconds max{0};
};
/// Absent when the key is, and when it is wrong, which the diagnostics then hold.
[[nodiscard]] std::optional<std::chrono::milliseconds> read_duration(Section& section,
                                                                     std::string_view key,
                                                                     DurationRange range);

}  // namespace heapwatch::config
