#include "leak/signals.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace heapwatch::leak {

namespace {

/// A collection of Go begins when the heap has doubled, unless the program says otherwise.
constexpr double next_gc_per_live = 2;
/// Under that Go collects no sooner, however little is alive.
constexpr double next_gc_floor = 4.2 * 1024 * 1024;
constexpr double collections_min = 6;
constexpr double few_collections_min = 2;
/// What of the heap's growth has to outlive collections where few ended.
constexpr double outliving_share = 0.6;
/// The points of a curve that the slope of all pairs is made of.
constexpr std::size_t points_max = 600;

std::vector<Point> thinned(std::vector<Point> points) {
  if (points.size() <= points_max) {
    return points;
  }
  return minima_of(points, points_max);
}

double mean_of(const std::vector<Point>& points, std::size_t begin, std::size_t count,
               double Point::*part) {
  double sum = 0;
  for (std::size_t i = begin; i < begin + count; ++i) {
    sum += points[i].*part;
  }
  return sum / static_cast<double>(count);
}

/// For each collection that was seen to end within the window: the least that was alive from then
/// on until the next one.
std::vector<Point> troughs_of(const Watch& watch) {
  std::vector<Point> troughs;
  std::optional<double> before;
  for (const Look& look : watch.looks) {
    if (!look.go.collections || !look.go.heap_live) {
      continue;
    }
    if (before && *look.go.collections > *before) {
      troughs.push_back({look.at, *look.go.heap_live});
    } else if (!troughs.empty() && *look.go.heap_live < troughs.back().value) {
      troughs.back().value = *look.go.heap_live;
    }
    before = look.go.collections;
  }
  return troughs;
}

/// What was alive at the end of each collection that was seen, by the size at which the next one
/// begins.
std::vector<Point> live_by_next_gc(const Watch& watch) {
  std::vector<Point> points;
  std::optional<double> before;
  for (const Look& look : watch.looks) {
    if (!look.go.collections || !look.go.next_gc || *look.go.next_gc <= 0) {
      continue;
    }
    if (!before || *look.go.collections > *before) {
      points.push_back({look.at, *look.go.next_gc / next_gc_per_live});
    }
    before = look.go.collections;
  }
  return points;
}

/// A heap that grows out of its least size is told from there on.
void drop_floor(std::vector<Point>& live) {
  const auto above = std::find_if(live.begin(), live.end(), [](const Point& point) {
    return point.value * next_gc_per_live > next_gc_floor;
  });
  if (above != live.end()) {
    live.erase(live.begin(), above);
  }
}

/// With few collections: nearly all that the heap grew by outlived them.
bool outlives(const std::vector<Point>& after_collections, const SeriesResult& raw) {
  if (after_collections.size() < static_cast<std::size_t>(few_collections_min) ||
      !std::is_sorted(after_collections.begin(), after_collections.end(),
                      [](const Point& a, const Point& b) { return a.value < b.value; })) {
    return false;
  }
  const Point& first = after_collections.front();
  const Point& last = after_collections.back();
  return (last.value - first.value) / (last.at - first.at) >= outliving_share * raw.rate.value;
}

const Look* first_with(const Watch& watch, std::vector<Group> Look::*groups) {
  const auto found = std::find_if(watch.looks.begin(), watch.looks.end(),
                                  [groups](const Look& look) { return !(look.*groups).empty(); });
  return found == watch.looks.end() ? nullptr : &*found;
}

const Look* last_with(const Watch& watch, std::vector<Group> Look::*groups) {
  const auto found = std::find_if(watch.looks.rbegin(), watch.looks.rend(),
                                  [groups](const Look& look) { return !(look.*groups).empty(); });
  return found == watch.looks.rend() ? nullptr : &*found;
}

double live_bytes(const Look& look, std::string_view space) {
  double sum = 0;
  for (const Amount& row : look.rows) {
    sum += row.space == space && row.state == "live" ? row.bytes : 0;
  }
  return sum;
}

}  // namespace

void mark_torn(Watch& watch) {
  std::map<std::pair<std::string, std::string>, std::size_t> seen;  // by space and owner
  std::size_t looks = 0;
  for (const Look& look : watch.looks) {
    looks += look.rows.empty() ? 0 : 1;
    for (const Amount& row : look.rows) {
      if (row.state == "live") {
        ++seen[{row.space, row.owner}];
      }
    }
  }
  for (const auto& [key, count] : seen) {
    const std::string& space = key.first;
    const std::string& owner = key.second;
    for (Look& look : watch.looks) {
      const bool has_it = std::any_of(look.rows.begin(), look.rows.end(), [&](const Amount& row) {
        return row.state == "live" && row.space == space && row.owner == owner;
      });
      const bool is_marked =
          std::find(look.torn.begin(), look.torn.end(), space) != look.torn.end();
      if (2 * count > looks && !look.rows.empty() && !has_it && !is_marked) {
        look.torn.push_back(space);
      }
    }
  }
}

std::vector<Point> counted_points(const Watch& watch, std::string_view space) {
  std::vector<Point> points;
  for (const Look& look : watch.looks) {
    for (const Amount& amount : look.counted) {
      if (amount.space == space) {
        points.push_back({look.at, amount.bytes});
      }
    }
  }
  return points;
}

Signal signal_of(std::string space, std::vector<Point> points, const SeriesOptions& options) {
  Signal signal{.space = std::move(space), .points = thinned(std::move(points)), .result = {}};
  signal.result = find_course(signal.points, options);
  return signal;
}

double growth_of(const std::vector<Point>& points) {
  if (points.size() < 2) {
    return 0;
  }
  const std::size_t count = std::max<std::size_t>(1, points.size() / 10);
  const std::size_t last = points.size() - count;
  const double apart =
      mean_of(points, last, count, &Point::at) - mean_of(points, 0, count, &Point::at);
  const double change =
      mean_of(points, last, count, &Point::value) - mean_of(points, 0, count, &Point::value);
  return change / apart * (points.back().at - points.front().at);
}

GoHeap go_heap(const Watch& watch) {
  GoHeap heap;
  std::vector<Point> raw = numbers_of(watch, [](const Look& look) { return look.go.heap_live; });
  heap.is_known = !raw.empty();
  if (!heap.is_known) {
    return heap;
  }
  const std::vector<Point> collections =
      numbers_of(watch, [](const Look& look) { return look.go.collections; });
  heap.are_collections_known = !collections.empty();
  if (heap.are_collections_known) {
    heap.collections = collections.back().value - collections.front().value;
  }
  heap.signal = signal_of("go", std::move(raw));
  std::vector<Point> live = live_by_next_gc(watch);
  if (live.empty()) {
    live = troughs_of(watch);
  } else {
    drop_floor(live);
  }
  if (heap.collections >= collections_min && live.size() >= series_values_min) {
    heap.signal = signal_of("go", std::move(live));
    heap.is_decided = true;
  } else if (heap.collections >= few_collections_min &&
             heap.signal.result.course == Course::grows) {
    heap.is_of_few = outlives(live, heap.signal.result);
    heap.is_decided = heap.is_of_few;
  }
  return heap;
}

std::vector<GroupGrowth> groups_that_grew(const Watch& watch, std::vector<Group> Look::*groups,
                                          std::string_view space) {
  const Look* first = first_with(watch, groups);
  const Look* last = last_with(watch, groups);
  if (first == nullptr || first == last) {
    return {};
  }
  std::map<std::string, GroupGrowth> by_name;
  for (const Group& group : last->*groups) {
    if (group.space == space) {
      by_name[group.name].group = group;
    }
  }
  for (const Group& group : first->*groups) {
    if (group.space == space) {
      Group& change = by_name[group.name].group;
      change.space = group.space;
      change.name = group.name;
      change.count -= group.count;
      change.bytes -= group.bytes;
    }
  }
  std::vector<GroupGrowth> grown;
  for (auto& [name, growth] : by_name) {
    if (growth.group.bytes > 0) {
      grown.push_back(std::move(growth));
    }
  }
  std::stable_sort(grown.begin(), grown.end(), [](const GroupGrowth& a, const GroupGrowth& b) {
    return a.group.bytes > b.group.bytes;
  });
  return grown;
}

double python_share_of_native(const Watch& watch) {
  const Look* first = first_with(watch, &Look::types);
  const Look* last = last_with(watch, &Look::types);
  if (first == nullptr || first == last) {
    return 0;
  }
  const double native = live_bytes(*last, "native") - live_bytes(*first, "native");
  const double python = live_bytes(*last, "python") - live_bytes(*first, "python");
  if (native <= 0) {
    return 0;
  }
  double of_types = 0;
  const auto add = [&of_types](const Look& look, double sign) {
    for (const Group& type : look.types) {
      of_types += type.space == "python" ? sign * type.bytes : 0;
    }
  };
  add(*last, 1);
  add(*first, -1);
  const double share = std::clamp((of_types - python) / native, 0.0, 1.0);
  if (share >= 0.5) {
    return share;
  }
  // A bytearray, an array of numpy: the object is small and its buffer has no type. Each object
  // has one, so their numbers grow together.
  double matched = 0;
  const std::vector<GroupGrowth> types = groups_that_grew(watch, &Look::types, "python");
  for (const GroupGrowth& size : groups_that_grew(watch, &Look::sizes, "native")) {
    constexpr double count_min = 16;
    const double count = size.group.count;
    const bool has_objects = std::any_of(types.begin(), types.end(), [&](const GroupGrowth& type) {
      return count >= count_min && type.group.name.front() != '(' &&
             std::abs(type.group.count - count) <= std::max(4.0, 0.04 * count);
    });
    matched += has_objects ? size.group.bytes : 0;
  }
  return std::clamp(std::max(share, matched / native), 0.0, 1.0);
}

}  // namespace heapwatch::leak
