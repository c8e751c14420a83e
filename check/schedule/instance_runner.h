// One check instance with all that lives as long as it: its series, its last snapshot, its
// statistics.
#pragma once

#include <memory>

#include "base/clock.h"
#include "check/check.h"
#include "check/registry.h"
#include "memtrack/memtrack.h"
#include "metrics/aggregator.h"
#include "metrics/run_stats.h"
#include "metrics/snapshot.h"

namespace heapwatch::check::schedule {

/// What a run that memory was not enough for has for its outcome.
[[nodiscard]] base::Error no_memory();

struct RunnerOptions {
  base::Clock clock = base::now;
  metrics::AggregatorOptions aggregator;
  /// Adds the service check `datadog.agent.check_status` to every run.
  bool check_status = false;
  /// Adds to every run the bytes that it allocated and that are alive at its end.
  bool run_memory = false;
};

/// A run for which memory runs out fails, and only that run: what it submitted is lost, and what is
/// remembered of the series stays. Its texts are cut: an error at 16 KiB, each of at most 100
/// warnings at 2 KiB.
///
/// Threads: not safe; whoever runs the instance hands it from thread to thread.
class InstanceRunner {
 public:
  /// Runners by the thousand share their options.
  InstanceRunner(std::unique_ptr<ConfiguredCheck> configured,
                 std::shared_ptr<const RunnerOptions> options);
  InstanceRunner(std::unique_ptr<ConfiguredCheck> configured, RunnerOptions options);

  /// Runs the check to its end on this thread. The snapshot holds until the next run.
  const metrics::Snapshot& run();

  /// The same in parts, for whoever does not wait in between: now() before, finish() after the
  /// check has run against sink(), and count(), apart for who shows stats() to others meanwhile:
  /// with hundreds of thousands of series finish() takes many milliseconds.
  [[nodiscard]] base::Instant now() const { return options_->clock(); }
  [[nodiscard]] metrics::SampleSink& sink() { return aggregator_; }
  /// Whatever run `snapshot` was of before, it is of this one afterwards.
  void finish(const base::Instant& began, const base::Result<RunReport>& outcome,
              metrics::Snapshot& snapshot);
  void count(const metrics::Snapshot& snapshot) { stats_.add(snapshot); }

  /// The check's own code, against sink(), with what it allocates put down to the component
  /// "check:NAME".
  [[nodiscard]] base::Result<RunReport> run_check();
  [[nodiscard]] bool is_http() const { return http_ != nullptr; }
  /// The two halves of run_check() for a check over HTTP.
  [[nodiscard]] base::Result<net::HttpRequestPtr> request();
  [[nodiscard]] base::Result<RunReport> consume(const net::HttpResult& response);
  [[nodiscard]] net::BodyFilterPtr filter();
  [[nodiscard]] bool asks_again() const { return http_->asks_again(); }

  [[nodiscard]] const metrics::Instance& instance() const { return *configured_->instance; }
  [[nodiscard]] std::chrono::milliseconds interval() const { return configured_->interval; }
  [[nodiscard]] const metrics::RunStats& stats() const { return stats_; }
  [[nodiscard]] std::size_t contexts() const { return aggregator_.contexts(); }
  /// A turn came while the last run was still going on.
  void count_skipped() { ++stats_.skipped; }
  /// A turn was given up because runs keep failing.
  void count_sat_out() { ++stats_.sat_out; }

 private:
  template <typename Work>
  base::Result<RunReport> in_scope(Work run);
  void submit_alive(std::uint64_t bytes);
  void settle(const base::Instant& began, const base::Result<RunReport>& outcome,
              metrics::Snapshot& snapshot);
  void give_up(const base::Instant& began, metrics::Snapshot& snapshot);

  std::unique_ptr<ConfiguredCheck> configured_;
  std::shared_ptr<const RunnerOptions> options_;
  HttpCheck* http_;
  memtrack_component component_;
  bool out_of_memory_ = false;    // in the run that is going on
  metrics::Context alive_bytes_;  // of the last run; made when first needed
  metrics::Aggregator aggregator_;
  std::unique_ptr<metrics::Snapshot> snapshot_;  // of run(); made when first needed
  metrics::RunStats stats_;
};

}  // namespace heapwatch::check::schedule
