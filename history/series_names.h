// How numbers that are measured are called in the history.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace heapwatch::history {

/// A row of the picture of a process: "row:native/glibc/live". Units: resident bytes.
inline constexpr std::string_view row_prefix = "row:";

struct RowName {
  std::string space;
  std::string owner;
  std::string state;
};

[[nodiscard]] inline std::string series_of(const RowName& row) {
  return std::string(row_prefix) + row.space + '/' + row.owner + '/' + row.state;
}

/// Absent when the series is no row. An owner may hold slashes, the other two do not.
[[nodiscard]] inline std::optional<RowName> row_of(std::string_view series) {
  if (!series.starts_with(row_prefix)) {
    return std::nullopt;
  }
  series.remove_prefix(row_prefix.size());
  const std::size_t first = series.find('/');
  const std::size_t last = series.rfind('/');
  if (first == std::string_view::npos || last == first) {
    return std::nullopt;
  }
  return RowName{.space = std::string(series.substr(0, first)),
                 .owner = std::string(series.substr(first + 1, last - first - 1)),
                 .state = std::string(series.substr(last + 1))};
}

// Of processes.

/// Resident bytes as the kernel counts them, whenever somebody asks.
inline constexpr std::string_view rss_series = "rss";
/// Resident bytes at the moment at which the rows were measured: what they add up to.
inline constexpr std::string_view rows_rss_series = "rows_rss";
inline constexpr std::string_view swap_series = "swap";
inline constexpr std::string_view threads_series = "threads";
inline constexpr std::string_view limit_series = "limit";
inline constexpr std::string_view working_set_series = "working_set";
inline constexpr std::string_view goroutines_series = "goroutines";

/// Numbers of words, of the verdict that was told then.
inline constexpr std::string_view verdict_series = "verdict";
inline constexpr std::string_view confidence_series = "confidence";

// Of targets that are scraped. Those of Go's heap are bytes.

inline constexpr std::string_view up_series = "up";  // 1 or 0
inline constexpr std::string_view heap_alloc_series = "heap_alloc";
inline constexpr std::string_view heap_sys_series = "heap_sys";
inline constexpr std::string_view heap_idle_series = "heap_idle";
inline constexpr std::string_view heap_inuse_series = "heap_inuse";
inline constexpr std::string_view heap_released_series = "heap_released";
inline constexpr std::string_view heap_objects_series = "heap_objects";
inline constexpr std::string_view total_alloc_series = "total_alloc";  // a running total
inline constexpr std::string_view gc_pauses_series = "gc_pauses";      // likewise
inline constexpr std::string_view gc_pause_ns_series = "gc_pause_ns";  // likewise
inline constexpr std::string_view gc_pause_longest_series = "gc_pause_longest_ns";

// Of targets and of checks: running totals.

inline constexpr std::string_view runs_series = "runs";
inline constexpr std::string_view errors_series = "errors";
inline constexpr std::string_view warnings_series = "warnings";
inline constexpr std::string_view skipped_series = "skipped";
inline constexpr std::string_view run_time_series = "run_time_ns";

// Of checks: bytes that they hold.

inline constexpr std::string_view native_series = "native";
inline constexpr std::string_view python_series = "python";

}  // namespace heapwatch::history
