// Which values of a snapshot Prometheus is shown, and as what.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/number.h"
#include "exporters/prometheus/family.h"
#include "exporters/prometheus/labels.h"
#include "metrics/aggregates.h"
#include "metrics/snapshot.h"

namespace heapwatch::exporters::prometheus {

[[nodiscard]] FamilyType family_type(const metrics::Series& series);

/// Whether it is for Prometheus, and has a value.
[[nodiscard]] bool is_shown(const metrics::Series& series);

/// A run that failed has none, whatever it came to before.
[[nodiscard]] std::span<const metrics::Series> series_of(const metrics::Snapshot& snapshot);

/// The series that a service check of a snapshot is.
using ShowStatus = std::function<void(const metrics::Context&, const base::Number&)>;
void for_each_service_check(const metrics::Snapshot& snapshot, const ShowStatus& show);

/// Labels whose names are valid.
[[nodiscard]] Labels valid_labels(const Labels& labels);

/// The values of series.
///
/// Threads: not safe.
class ShownValues {
 public:
  /// Percentiles, median, min and max become the quantiles of summaries.
  explicit ShownValues(const metrics::HistogramOptions& histogram);

  /// Of summaries: whole percentages in rising order.
  [[nodiscard]] const std::vector<int>& percentiles() const { return options_.percentiles; }

  /// Of a series that is shown: one, or the quantiles of a summary, its sum and its count. Valid
  /// until the next call.
  [[nodiscard]] std::span<const base::Number> of(const metrics::Series& series);

 private:
  metrics::HistogramOptions options_;
  std::vector<base::Number> values_;
};

}  // namespace heapwatch::exporters::prometheus
