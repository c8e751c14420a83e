// What one run of one check instance came to: the thing exporters publish.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/number.h"
#include "metrics/context.h"
#include "metrics/sample.h"

namespace heapwatch::metrics {

/// Which configured instance of which check; the same for all its runs.
struct Instance {
  std::string check_name;  // "go_expvar"
  std::string check_version;
  std::string id;      // "go_expvar:datadog.agent:1f2e...", unique in a process
  std::string source;  // "file:conf.d/go_expvar.d/conf.yaml"
  std::string target;  // the address it watches, without credentials; empty when there is none
};
using InstancePtr = std::shared_ptr<const Instance>;

/// The samples of a histogram or historate in one run, and since the series began.
struct Distribution {
  std::vector<base::Number> run;  // in the order they came
  std::uint64_t count = 0;        // since the series began
  double sum = 0;                 // since the series began
};

/// A series with both faces latched, so that every exporter tells the same story.
struct Series {
  Context context;
  MetricType type = MetricType::gauge;  // as the first sample of the context declared it

  /// The Datadog face: a gauge's last value, the per-second rate, a count's or counter's sum over
  /// the run, a monotonic counter's increase, a set's size. Absent while one sample is too few.
  std::optional<base::Number> value;
  /// When `value` holds: of the sample for a rate, of the commit for the rest.
  std::chrono::system_clock::time_point time;

  /// The cumulative face: a gauge's last value, the raw total of counters and rates, the sum of all
  /// samples of a count whose samples are not totals. Absent for sets, histograms and historates.
  std::optional<base::Number> total;

  /// Histograms and historates only.
  std::optional<Distribution> distribution;

  /// As the target made them; null for all other series.
  std::shared_ptr<const Quartiles> quartiles;
};

/// Threads: a snapshot is passed by const reference and not kept; an exporter copies what it needs.
struct Snapshot {
  InstancePtr instance;
  base::Instant time;                    // of the commit
  std::chrono::nanoseconds duration{0};  // of the run
  std::optional<base::Error> error;      // the run failed; `series` holds what was submitted before
  std::vector<std::string> warnings;
  std::vector<Series>
      series;  // those with a sample in this run, in the order of their first sample
  std::vector<ServiceCheck> service_checks;
  std::vector<Event> events;
  std::uint64_t failed_runs = 0;  // in a row, this one included; 0 when it did not fail
  std::uint64_t samples = 0;      // raw submissions, as `status` counts them
  std::uint64_t body_bytes = 0;   // what a target answered with; 0 where there is no body
  std::map<std::string, std::uint64_t>
      dropped;  // samples dropped in this run by reason: "limit", "not_finite", ...
};

}  // namespace heapwatch::metrics
