// What one check instance measured, for people: the output of `heapwatch check`.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "exporters/console/status.h"
#include "exporters/dogstatsd/line.h"
#include "metrics/aggregates.h"
#include "metrics/snapshot.h"

namespace heapwatch::exporters::console {

struct ConsoleOptions {
  std::string hostname;  // of series without a host of their own
  metrics::HistogramOptions histograms;
};

/// The runs of one instance in the order they happened; each run's series are shown.
using Runs = std::span<const metrics::Snapshot>;

/// `=== Series ===` and indented JSON; service checks and events in the same way when there are
/// any.
[[nodiscard]] std::string render_text(Runs runs, const ConsoleOptions& options);

/// The same sections as columns without borders, sorted by metric, time and tags.
[[nodiscard]] std::string render_table(Runs runs, const ConsoleOptions& options);

/// All instances as one JSON array: what each measured (`aggregator`), how it ran (`runner`), and
/// what it is (`inventories`).
struct InstanceRuns {
  Runs runs;
  metrics::RunStats status;
};
[[nodiscard]] std::string render_json(std::span<const InstanceRuns> instances,
                                      const ConsoleOptions& options);

/// The lines that DogStatsD would get of one run.
[[nodiscard]] std::string render_dogstatsd(const metrics::Snapshot& run,
                                           const dogstatsd::LineOptions& options);

/// A series that no run had enough samples for: a rate or a monotonic counter needs two.
struct Unshown {
  metrics::Context context;
  metrics::MetricType type = metrics::MetricType::rate;
};
[[nodiscard]] std::vector<Unshown> series_without_value(Runs runs);

}  // namespace heapwatch::exporters::console
