// From a page to samples: what a go_expvar instance does once it has the page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "check/check.h"
#include "check/go_expvar/condensed_body.h"
#include "check/go_expvar/gc_pauses.h"
#include "check/go_expvar/go_collector.h"
#include "check/go_expvar/metric_entry.h"
#include "check/go_expvar/page_plan.h"
#include "check/go_expvar/series_cache.h"
#include "metrics/sample_sink.h"

namespace heapwatch::check::go_expvar {

inline constexpr std::size_t returned_metrics_default = 350;
inline constexpr std::size_t returned_metrics_max = 1'000'000;

struct CollectorOptions {
  std::vector<MetricEntry> metrics;  // the user's
  std::optional<Everything> everything;
  std::optional<std::string> prefix = "go_expvar";  // none: names stand alone
  Naming naming = Naming::guide;
  /// Prometheus sees memstats under the names of its Go client; Datadog keeps its own.
  bool go_collector_names = false;
  bool memstats = true;  // the default metrics, and the pauses of the garbage collector
  std::size_t max_returned_metrics = returned_metrics_default;
  metrics::Tags tags;               // of every series
  std::optional<std::string> host;  // likewise; see metrics::Context
  std::function<bool(std::string_view)> allows = [](std::string_view) { return true; };
  std::string target;  // for the log
};

/// Collects the pages of one instance, one run after the other.
///
/// Samples come in the order of the reference: new pauses of the garbage collector, the defaults,
/// the user's entries, everything else; matches of an entry in document order. An entry of the user
/// for the path of a default takes its place, and of two variables that become the same series the
/// first counts.
///
/// Threads: not safe.
class PageCollector {
 public:
  explicit PageCollector(CollectorOptions options);
  PageCollector(const PageCollector&) = delete;
  PageCollector& operator=(const PageCollector&) = delete;
  PageCollector(PageCollector&& other) noexcept;
  PageCollector& operator=(PageCollector&& other) noexcept;
  ~PageCollector();

  /// Errors: of PageWalker::walk().
  [[nodiscard]] base::Result<RunReport> collect(std::string_view page, metrics::SampleSink& sink);

  /// Null when there is nothing to leave out: everything is collected.
  [[nodiscard]] std::shared_ptr<CondensedBody> condenser() const;
  /// Collects what a condenser kept of a page that had `page_bytes`. Nothing is submitted and the
  /// report absent when it takes the whole page to tell what there is to tell.
  [[nodiscard]] std::optional<RunReport> collect_condensed(std::string_view kept,
                                                           std::size_t page_bytes,
                                                           metrics::SampleSink& sink);

 private:
  class Run;
  class Logged;
  class GivesBack;
  struct Workspace;
  struct Pauses {
    GcPauses seen;
    metrics::Context context;  // of none: metric_patterns does not want it
    bool are_wrong = false;    // in the last page that had new ones
  };

  /// Of this thread.
  static Workspace& workspace();

  std::shared_ptr<const PagePlan> plan_;
  base::Interned<metrics::TagsAndHost> tags_and_host_;
  std::function<bool(std::string_view)> allows_;
  std::string target_;  // for the log
  SeriesCache series_;
  std::unique_ptr<Pauses> pauses_;             // null without memstats
  std::unique_ptr<GoCollector> go_collector_;  // null: not wanted
  std::unique_ptr<Logged> logged_;             // null: nothing yet
  bool has_run_ = false;
};

}  // namespace heapwatch::check::go_expvar
