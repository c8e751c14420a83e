// What an aggregator holds while a run goes on.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "metrics/drops.h"
#include "metrics/sample.h"
#include "metrics/series_memory.h"
#include "metrics/snapshot.h"

namespace heapwatch::metrics {

// What is larger does not stay for a later run.
inline constexpr std::size_t reused_series_max = 16'384;

/// What a run needs and no later one. Its memory stays with the thread, for the next run there.
struct Run {
  std::vector<Series> series;  // of which the first `begun` are of this run
  std::size_t begun = 0;
  /// Of the last samples of those that are rates; may be shorter.
  std::vector<std::chrono::steady_clock::time_point> times;
  SeriesMemory::Search search;
  std::vector<ServiceCheck> service_checks;
  std::vector<Event> events;
  std::uint64_t samples = 0;
  std::size_t bytes = 0;  // of what it holds besides series
  DropCounts dropped{};

  void drop(Drop reason) { ++dropped.at(static_cast<std::size_t>(reason)); }

  /// The next series; what it was in an earlier run is gone but for its memory.
  Series& begin(const Context& context, MetricType type) {
    if (begun == series.size()) {
      series.emplace_back();
    }
    Series& made = series[begun++];
    made.context = context;
    made.type = type;
    made.value.reset();
    made.total.reset();
    made.quartiles.reset();
    if (type != MetricType::histogram && type != MetricType::historate) {
      made.distribution.reset();
    } else if (made.distribution) {
      made.distribution->run.clear();
    } else {
      made.distribution.emplace();
    }
    return made;
  }

  void clear() {
    begun = 0;
    search.clear();
    service_checks.clear();
    events.clear();
    samples = 0;
    bytes = 0;
    dropped = {};
  }

  [[nodiscard]] bool is_large() const {
    return series.capacity() > reused_series_max || times.capacity() > reused_series_max ||
           search.places.capacity() > 4 * reused_series_max;
  }
};

/// The one that is in no use on this thread; may be null.
[[nodiscard]] inline std::unique_ptr<Run>& spare_run() {
  thread_local std::unique_ptr<Run> spare;
  return spare;
}

}  // namespace heapwatch::metrics
