// From the samples of one check instance to the series of a snapshot.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "metrics/limits.h"
#include "metrics/sample_sink.h"
#include "metrics/snapshot.h"

namespace heapwatch::metrics {

struct AggregatorOptions {
  base::Clock clock = base::now;
  /// Commits without a sample after which a context is forgotten. What counts on from run to run
  /// (a last value, a running sum) is kept for `stateful_expiry` longer, so that the series goes on
  /// where it stopped; in that time a sample of another type begins a new series.
  unsigned commits_to_expiry = 2;
  std::chrono::hours stateful_expiry{25};
  /// Bounds memory: samples of further contexts are dropped and counted as "contexts". 16 million
  /// at most.
  std::size_t contexts_max = 1'000'000;
  Limits limits;
};

/// Keeps the state of every series of one check instance between its runs.
///
/// Samples are dropped, and counted in `Snapshot::dropped`, as "not_finite" (NaN and infinities),
/// "type_conflict" (the first type of a context wins while it lives), "contexts" (the limit),
/// "negative_rate" (the rate fell: the new value is the base of the next), "same_time" (a rate over
/// no time), and for the limits "long_name", "long_tag", "instance_bytes" and "process_bytes". What
/// a limit of bytes cost is said in the snapshot's warnings too. A context sampled several times in
/// a run: a gauge and a rate take the last sample, counts add up, a monotonic counter adds the
/// increases in between.
///
/// Rates from zero (`flush_first_value`): the first sample counts from zero at the commit before,
/// and has no rate where there was none.
///
/// Threads: not safe; one instance's runs never overlap.
class Aggregator final : public SampleSink {
 public:
  explicit Aggregator(AggregatorOptions options = {});
  Aggregator(const Aggregator&) = delete;
  Aggregator& operator=(const Aggregator&) = delete;
  ~Aggregator() override;

  void submit(const Sample& sample) override;
  void submit(const ServiceCheck& check) override;
  void submit(const Event& event) override;

  /// Ends the run: fills series, service checks, events, samples, dropped and time of `snapshot`
  /// (the caller fills the rest), whose vectors are reused when the same snapshot comes again.
  void commit(Snapshot& snapshot);

  /// Ends a run for which memory ran out: what it submitted is lost, and `snapshot` is empty. What
  /// is remembered of the series stays as the run found it, as far as it had got.
  void abandon(Snapshot& snapshot) noexcept;

  /// What is remembered of the series, as Limits::instance_bytes_max counts it.
  [[nodiscard]] std::size_t bytes() const;
  /// Contexts held, counting those that only keep their last value.
  [[nodiscard]] std::size_t contexts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace heapwatch::metrics
