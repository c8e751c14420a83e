// The memstats of a page under the names that Go's own Prometheus client gives them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "expvar/page_walker.h"
#include "expvar/plan.h"
#include "metrics/sample_sink.h"

namespace heapwatch::check::go_expvar {

/// What a page says of the garbage collector.
struct GcPage {
  std::optional<base::Number> collections;
  std::optional<base::Number> pause_total;
  std::string_view pauses;  // the text of memstats.PauseNs
};

/// Series for Prometheus alone: `go_memstats_heap_inuse_bytes`, `go_gc_duration_seconds`, ... with
/// a label `instance` beside the tags, so that dashboards made for that client show them.
///
/// Threads: not safe.
class GoCollector {
 public:
  struct Options {
    metrics::Tags tags;
    std::optional<std::string> host;
    std::string target;  // as people read it
    std::function<bool(std::string_view)> allows;
  };
  explicit GoCollector(const Options& options);

  /// What is to be found in each page.
  [[nodiscard]] static std::vector<expvar::WantedPath> wanted_paths();

  /// `first` is the index of the first of wanted_paths() in the plan.
  void submit(const expvar::PageMatches& matches, std::size_t first, const GcPage& gc,
              metrics::SampleSink& sink);

 private:
  void submit_pauses(const GcPage& gc, metrics::SampleSink& sink);

  std::vector<metrics::Context> contexts_;  // as wanted_paths(); null: not wanted
  metrics::Context pauses_;
  std::vector<double> sorted_;
  std::shared_ptr<const metrics::Quartiles> quartiles_;  // of the last page; null: of none
};

}  // namespace heapwatch::check::go_expvar
