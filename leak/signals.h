// The series that are judged, out of looks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "leak/judge.h"
#include "leak/looks.h"
#include "leak/series.h"

namespace heapwatch::leak {

/// One series with what it does. Units: bytes, or what is counted.
struct Signal {
  std::string space;  // as Finding has it
  std::vector<Point> points;
  SeriesResult result;
  std::string owner;  // whose it is, where it is not the space's: "Java"
};

/// Whether rows that `counts` chooses are of a space whose heap changed under the eyes of its
/// reader.
template <typename Counts>
bool is_torn(const Look& look, const Counts& counts) {
  for (const std::string& space : look.torn) {
    for (const char* state : {"live", "held", "mapped"}) {
      if (counts(Amount{.space = space, .owner = "", .state = state})) {
        return true;
      }
    }
  }
  return false;
}

/// Of the looks that have rows: the sum of those that `counts` chooses.
template <typename Counts>
std::vector<Point> sum_of_rows(const Watch& watch, const Counts& counts) {
  std::vector<Point> points;
  for (const Look& look : watch.looks) {
    if (look.rows.empty() || is_torn(look, counts)) {
      continue;
    }
    double sum = 0;
    for (const Amount& row : look.rows) {
      sum += counts(row) ? row.bytes : 0;
    }
    points.push_back({look.at, sum});
  }
  return points;
}

/// Of the looks that have it, a number.
template <typename Get>
std::vector<Point> numbers_of(const Watch& watch, const Get& get) {
  std::vector<Point> points;
  for (const Look& look : watch.looks) {
    if (const std::optional<double> value = get(look)) {
      points.push_back({look.at, *value});
    }
  }
  return points;
}

/// What the books of a program count as alive in a space, by time; empty where there are none.
[[nodiscard]] std::vector<Point> counted_points(const Watch& watch, std::string_view space);

/// Marks the looks that miss an allocator which most of them see: its heap changed so much under
/// the eyes of its reader that it was not recognised.
void mark_torn(Watch& watch);

[[nodiscard]] Signal signal_of(std::string space, std::vector<Point> points,
                               const SeriesOptions& options = {});

/// From the mean of the first looks to that of the last ones, over the whole window. Linear: growth
/// of parts adds up to growth of the whole.
[[nodiscard]] double growth_of(const std::vector<Point>& points);

/// The heap of Go, by its collections.
struct GoHeap {
  Signal signal;           // what is alive, where collections tell; else the heap as it is
  double collections = 0;  // that ended within the window
  bool is_known = false;   // there is a Go heap
  bool are_collections_known = false;
  bool is_decided = false;  // enough collections to say what the signal does
  bool is_of_few = false;   // by two to five collections
};
[[nodiscard]] GoHeap go_heap(const Watch& watch);

/// Of native growth in a process with CPython, what part belongs to Python's objects: 0 to 1.
/// Blocks of more than 512 bytes are the C allocator's.
[[nodiscard]] double python_share_of_native(const Watch& watch);

/// The group of blocks or objects that grew most, in bytes, and by how much.
struct GroupGrowth {
  Group group;       // count and bytes: the growth
  double later = 0;  // growth in bytes in the second half of the time between, as far as known
};
[[nodiscard]] std::vector<GroupGrowth> groups_that_grew(const Watch& watch,
                                                        std::vector<Group> Look::*groups,
                                                        std::string_view space);

/// What a load signal says of a growing series: empty, or the load it follows ("open connections
/// went from 20 to 61").
[[nodiscard]] std::string load_behind(const Watch& watch, const Signal& signal);

}  // namespace heapwatch::leak
