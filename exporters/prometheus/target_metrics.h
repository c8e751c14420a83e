// The series about an instance itself, which stay on the page while its runs fail.
#pragma once

#include <cstdint>
#include <map>
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
  void remove_all(SeriesPage& page) { group_.remove_all(page); }

 private:
  [[nodiscard]] metrics::Context context(const char* name, const char* help,
                                            const std::string& further_tag = {}) const;
  void put(SharedPage& shared, const metrics::Context& context, const base::Number& value);

  metrics::Tags tags_;
  metrics::Context up_;
  metrics::Context failed_runs_;
  metrics::Context duration_;
  metrics::Context samples_;
  metrics::Context body_bytes_;
  metrics::Context last_success_;
  std::map<std::string, metrics::Context> dropped_;  // by reason, all that ever were
  std::optional<double> last_success_seconds_;
  SeriesGroup group_;
};

}  // namespace heapwatch::exporters::prometheus
