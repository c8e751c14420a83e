// The series of an instance, remembered so that the next run makes no names and no tags.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/interned.h"
#include "check/go_expvar/page_plan.h"
#include "check/go_expvar/variable.h"
#include "expvar/path.h"
#include "metrics/context.h"

namespace heapwatch::check::go_expvar {

/// What the instance adds to its variables.
struct SeriesOwner {
  const PagePlan& plan;
  const base::Interned<metrics::TagsAndHost>& tags_and_host;  // the instance's tags and host
  const std::function<bool(std::string_view)>& allows;
};

/// The variables of an instance's last run in their order. Instances that found the same, as
/// thousands of one configuration do, hold it once between them; what was not there in the last run
/// is forgotten.
///
/// Threads: not safe.
class SeriesCache {
 public:
  class Run;
  struct Buffers;

  [[nodiscard]] std::size_t size() const;

 private:
  struct Sequence {
    std::vector<base::Interned<Variable>> variables;
    [[nodiscard]] std::uint64_t hash() const;
    [[nodiscard]] std::size_t bytes() const { return variables.capacity() * sizeof variables[0]; }
    bool operator==(const Sequence&) const = default;
  };
  /// Of a variable, where it is not as usual.
  struct Particular {
    base::Interned<metrics::TagsAndHost>
        tags_and_host;        // with tags of its own; null: the instance's
    bool is_refused = false;  // by metric_patterns
    bool is_increase_refused = false;

    [[nodiscard]] bool is_usual() const {
      return !tags_and_host && !is_refused && !is_increase_refused;
    }
  };

  [[nodiscard]] const std::vector<base::Interned<Variable>>& variables() const;

  base::Interned<Sequence> sequence_;                     // null: nothing yet
  std::unique_ptr<std::vector<Particular>> particulars_;  // of all; null: all are as usual
  bool is_clean_ = true;                                  // no two became the same series
};

/// Memory of runs that is used again: one at a time on a thread.
struct SeriesCache::Buffers {
  struct SameSeries {
    bool operator()(const metrics::Context& a, const metrics::Context& b) const {
      return a.same_series(b);
    }
  };

  std::vector<base::Interned<Variable>> variables;
  std::vector<Particular> particulars;
  /// The series that have a sample, and from which variable.
  std::unordered_map<metrics::Context, const Variable*, metrics::ContextHash, SameSeries> sampled;
};

/// One run over a page: takes its variables in their order.
class SeriesCache::Run {
 public:
  Run(SeriesCache& cache, const SeriesOwner& owner, Buffers& buffers);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  /// Ends the run: what it took is what the next one expects. Where there is no memory to remember
  /// it, the next one expects nothing.
  ~Run();

  struct Taken {
    const Variable& variable;
    const base::Interned<metrics::TagsAndHost>& tags_and_host;
    const Variable* before = nullptr;  // that became the same series in this run
    bool is_allowed = true;            // by metric_patterns
    bool has_increase = false;         // whose series has no sample yet
    bool is_increase_allowed = true;
  };
  /// Good until the next call. Absent when it is new, and the process remembers enough.
  [[nodiscard]] std::optional<Taken> take(std::size_t entry, const expvar::KeyPath& path);

 private:
  [[nodiscard]] const Particular& particular(std::size_t place) const;
  [[nodiscard]] const base::Interned<metrics::TagsAndHost>& tags_and_host_of(
      const Particular& particular) const;
  void leave_the_known();
  void store();
  [[nodiscard]] Particular look_at(const Variable& variable) const;
  Taken add(base::Interned<Variable> taken, const Particular& found);

  SeriesCache& cache_;
  SeriesOwner owner_;
  Buffers& buffers_;
  const std::vector<base::Interned<Variable>>& known_;
  std::size_t next_ = 0;     // of the known
  bool is_as_known_ = true;  // so far; the buffers are not in use
  bool is_clean_ = true;
};

}  // namespace heapwatch::check::go_expvar
