// The values about an instance itself, which are there also while its runs fail.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/interned.h"
#include "base/number.h"
#include "metrics/context.h"
#include "metrics/snapshot.h"

namespace heapwatch::exporters::prometheus {

/// `heapwatch_target_up` and the others, gauges with the labels `check`, `check_id` and `target`.
///
/// Threads: not safe.
class TargetValues {
 public:
  using Show = std::function<void(const metrics::Context&, const base::Number&)>;

  explicit TargetValues(const metrics::Instance& instance);

  /// In the same order each time, but that a new reason for which samples were dropped comes in
  /// between.
  void for_each(const metrics::Snapshot& snapshot, const Show& show);

 private:
  using TagsAndHostPtr = base::Interned<metrics::TagsAndHost>;

  void show_dropped(const metrics::Snapshot& snapshot, const Show& show);

  TagsAndHostPtr tags_and_host_;
  std::optional<double> last_success_seconds_;
  std::unique_ptr<std::map<std::string, TagsAndHostPtr>> dropped_;  // by reason, all that ever were
};

}  // namespace heapwatch::exporters::prometheus
