// Numbers over time, and the blocks of bytes in which they are kept.
//
// A *frame* is what was known of a process at one moment: a value of each of its series. A block is
// some hundred frames of one life, by columns:
//
//   version     1 byte
//   lanes       1 byte: 1 (the value), or 3 (the last value of a span with the least and greatest)
//   frames      count
//   columns     count
//   times       of each frame, in ms: first the time, then the gap, then by how much the gap
//   changed column      series' number, presence as lengths of runs (absent first), then the lanes
//   of the
//               frames that are present. Last values: the first, then the difference, then by how
//               much the difference changed. Least: by how much below the last; greatest: above.
//
// Counts are base-128 numbers; what may be negative is folded (0, -1, 1, -2, ...). A number 0 in
// times and lanes is followed by how many more there are: a value that stands still, or grows
// steadily, costs next to nothing. Differences wrap around like unsigned numbers, so that every
// value of 64 bits comes back as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace heapwatch::history {

/// Which series, as the store numbers their names.
using SeriesId = std::uint32_t;

/// What stands in a column where a frame has no value of the series.
inline constexpr std::int64_t absent = std::numeric_limits<std::int64_t>::min();

/// One series in the frames of a block: as many entries as there are frames.
struct Column {
  SeriesId series = 0;
  std::vector<std::int64_t> last;
  std::vector<std::int64_t> least;     // empty when there is one lane
  std::vector<std::int64_t> greatest;  // likewise
  friend bool operator==(const Column&, const Column&) = default;
};

struct Frames {
  std::vector<std::int64_t> times;  // ms since 1970, ascending
  std::vector<Column> columns;
  friend bool operator==(const Frames&, const Frames&) = default;
};

/// A block with more is refused. Units: frames, columns.
inline constexpr std::size_t block_frames_max = 4096;
inline constexpr std::size_t block_columns_max = 1024;
/// And one with more numbers than this, whatever their arrangement.
inline constexpr std::size_t block_cells_max = 1U << 20U;

/// The columns must be as long as `times`, and have all the same lanes.
[[nodiscard]] std::string encode(const Frames& frames);

/// The series that a reader wants, sorted; absent: all.
using Wanted = std::optional<std::vector<SeriesId>>;

/// Columns of other series than those wanted are passed over. Errors: invalid; what is read may be
/// anything.
[[nodiscard]] base::Result<Frames> decode(std::string_view block,
                                          const Wanted& wanted = std::nullopt);

/// Puts frames of one life behind others. Columns are matched by their series; those that one side
/// lacks are absent there. Frames of `more` that are not behind the last of `frames` are left out.
void append(Frames& frames, const Frames& more);

/// What lies outside [from, to] goes.
void cut(Frames& frames, std::int64_t from, std::int64_t to);

}  // namespace heapwatch::history
