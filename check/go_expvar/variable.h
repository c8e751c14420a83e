// A variable that an entry of a plan takes, and what its series are called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check/go_expvar/page_plan.h"
#include "expvar/path.h"
#include "metrics/context.h"

namespace heapwatch::check::go_expvar {

/// The same for every instance that has the plan, and so held once for all of them. Immutable.
class Variable {
 public:
  struct Key {
    const PagePlan& plan;
    std::size_t entry;
    expvar::KeyPath path;
    [[nodiscard]] std::uint64_t hash() const;
  };
  explicit Variable(const Key& key);

  [[nodiscard]] std::size_t entry() const { return entry_; }
  [[nodiscard]] expvar::KeyPath path() const { return expvar::KeyPath(path_); }
  [[nodiscard]] bool is(std::size_t entry, const expvar::KeyPath& path) const {
    return entry_ == entry && path_ == path.bytes();
  }

  [[nodiscard]] const base::Interned<metrics::MetricName>& metric_name() const {
    return metric_name_;
  }
  /// The `.count` twin; null where there is none.
  [[nodiscard]] const base::Interned<metrics::MetricName>& increase() const { return increase_; }
  /// Beside those of the instance.
  [[nodiscard]] const metrics::Tags& tags() const { return tags_; }

  [[nodiscard]] std::uint64_t hash() const;
  /// Held outside of itself.
  [[nodiscard]] std::size_t bytes() const;
  bool operator==(const Variable& other) const {
    return plan_ == other.plan_ && is(other.entry_, other.path());
  }
  bool operator==(const Key& key) const {
    return plan_ == key.plan.number && is(key.entry, key.path);
  }

 private:
  std::uint64_t plan_;
  std::size_t entry_;
  std::string path_;
  metrics::Tags tags_;
  base::Interned<metrics::MetricName> metric_name_;
  base::Interned<metrics::MetricName> increase_;
};

}  // namespace heapwatch::check::go_expvar
