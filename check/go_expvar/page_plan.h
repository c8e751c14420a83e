// What a go_expvar instance looks for in its pages, shared by all instances that look for the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "check/go_expvar/metric_entry.h"
#include "expvar/plan.h"

namespace heapwatch::check::go_expvar {

/// `auto`: every number of the page.
struct Everything {
  std::vector<expvar::Path> include;  // none: the whole page
  std::vector<expvar::Path> exclude;
};

struct PagePlanOptions {
  std::vector<MetricEntry> metrics;  // the user's
  std::optional<Everything> everything;
  std::optional<std::string> prefix;  // none: names stand alone
  Naming naming = Naming::guide;
  bool memstats = true;  // the default metrics, and the pauses of the garbage collector
  bool go_collector_names = false;
  std::size_t max_returned_metrics = 0;
};

/// Immutable. Threads: safe.
struct PagePlan {
  /// What Go says of itself, found in each page whatever the entries are.
  struct Runtime {
    expvar::WantedIndex memstats{};
    expvar::WantedIndex collections{};
    expvar::WantedIndex pause_total{};
    expvar::WantedIndex total_alloc{};
    expvar::WantedIndex pauses{};
    std::size_t go_collector = 0;  // the first of its paths
  };

  explicit PagePlan(PagePlanOptions options);

  /// Who is shown an entry's series.
  [[nodiscard]] metrics::Audience audience_of(std::size_t entry) const {
    return entry < default_count ? default_audience() : metrics::Audience::everyone;
  }
  [[nodiscard]] metrics::Audience default_audience() const {
    return go_collector_names ? metrics::Audience::datadog : metrics::Audience::everyone;
  }

  std::uint64_t number;  // another for each plan that there ever was
  std::optional<std::string> prefix;
  Naming naming;
  bool memstats;
  bool go_collector_names;
  std::size_t max_returned_metrics;
  std::vector<MetricEntry> entries;  // defaults, the user's, then one for everything else
  std::size_t default_count = 0;
  std::size_t listed_count = 0;  // the defaults and the user's
  Runtime runtime;
  expvar::Plan plan;

 private:
  [[nodiscard]] expvar::Plan make_plan(PagePlanOptions options);
};

/// The plan for these options. Thousands of instances of one configuration have one plan, with its
/// compiled patterns, between them. Threads: safe.
[[nodiscard]] std::shared_ptr<const PagePlan> shared_page_plan(PagePlanOptions options);

}  // namespace heapwatch::check::go_expvar
