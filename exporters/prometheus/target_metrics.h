// The series about an instance itself, which stay on the page while its runs fail.
#pragma once

#include "exporters/prometheus/series_group.h"
#include "exporters/prometheus/target_values.h"
#include "metrics/snapshot.h"

namespace heapwatch::exporters::prometheus {

/// The values of TargetValues on the page.
///
/// Threads: not safe.
class TargetMetrics {
 public:
  explicit TargetMetrics(const metrics::Instance& instance) : values_(instance) {}

  void show(SharedPage& shared, const metrics::Snapshot& snapshot);
  void remove_all(SharedPage& shared) { group_.remove_all(shared); }

 private:
  TargetValues values_;
  SeriesGroup group_;
};

}  // namespace heapwatch::exporters::prometheus
