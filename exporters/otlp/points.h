// Since when the series of an instance count, and which of them are gone.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>

#include "base/number.h"
#include "base/remembered.h"
#include "exporters/prometheus/family.h"
#include "metrics/context.h"

namespace heapwatch::exporters::otlp {

/// A cumulative point says since when it counts. A target does not tell when it began, so that is
/// the time of the first point, and after a value that is lower than the last, the time of that
/// last one: then what the target has counted since it began anew is counted once.
///
/// Runs: begin(), put() for each series, end(). A series that ends and comes back goes on where it
/// was; one that stays away for a day and an hour is forgotten, as the aggregator forgets it.
///
/// Threads: not safe.
class Starts {
 public:
  using Type = prometheus::FamilyType;

  void begin(std::int64_t time_ns) {
    ++run_;
    time_ns_ = time_ns;
  }
  /// Since when the series counts. `total` is what must not fall: the value of a counter, the count
  /// of a summary; of gauges it is not looked at.
  [[nodiscard]] std::int64_t put(const metrics::Context& context, Type type,
                                 const base::Number& total);
  /// The series of the run before that this one does not have.
  void end(const std::function<void(const metrics::Context&, Type)>& gone);

 private:
  struct Known {
    std::int64_t start_ns = 0;
    std::int64_t last_ns = 0;
    base::Number last;
    std::uint64_t run = 0;
    Type type = Type::gauge;
  };

  std::unordered_map<metrics::Context, Known, metrics::ContextHash> known_;
  std::uint64_t run_ = 0;
  std::int64_t time_ns_ = 0;
  base::Remembers remembers_;
};

/// Whether a series of this type counts up from a start.
[[nodiscard]] bool is_cumulative(prometheus::FamilyType type);

}  // namespace heapwatch::exporters::otlp
