// The series about an instance itself, which stay on the page while its runs fail.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "exporters/prometheus/series_group.h"
#include "metrics/snapshot.h"

namespace heapwatch::exporters::prometheus {

/// `heapwatch_target_up` and the others, with the labels `check`, `check_id` and `target`.
///
/// Threads: not safe.
class TargetMetrics {
 public:
  explicit TargetMetrics(const metrics::Instance& instance);

  void show(SharedPage& shared, const metrics::Snapshot& snapshot);
  void remove_all(SharedPage& shared) { group_.remove_all(shared); }

 private:
  using TagsAndHostPtr = base::Interned<metrics::TagsAndHost>;

  void show_dropped(SeriesGroup::Run& run, const metrics::Snapshot& snapshot);

  TagsAndHostPtr tags_and_host_;
  std::optional<double> last_success_seconds_;
  std::unique_ptr<std::map<std::string, TagsAndHostPtr>> dropped_;  // by reason, all that ever were
  SeriesGroup group_;
};

}  // namespace heapwatch::exporters::prometheus
