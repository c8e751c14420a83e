// How numbers of a look at a process are called in the history.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace heapwatch::agent::web {

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

/// Resident bytes as the kernel counts them, whenever somebody asks.
inline constexpr std::string_view rss_series = "rss";
/// Resident bytes at the moment at which the rows were measured: what they add up to.
inline constexpr std::string_view rows_rss_series = "rows_rss";
inline constexpr std::string_view swap_series = "swap";

}  // namespace heapwatch::agent::web
