// From the samples of one check instance to the series of a snapshot.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "metrics/sample_sink.h"
#include "metrics/snapshot.h"

namespace heapwatch::metrics {

struct AggregatorOptions {
  base::Clock clock = base::now;
  /// Commits without a sample after which a context is forgotten; rates and monotonic counters keep
  /// their last value for `stateful_expiry` longer.
  unsigned commits_to_expiry = 2;
  std::chrono::hours stateful_expiry{25};
  /// Bounds memory: samples of further contexts are dropped and counted as "contexts".
  std::size_t contexts_max = 1'000'000;
};

/// Keeps the state of every series of one check instance between its runs.
///
/// Threads: not safe; one instance's runs never overlap.
class Aggregator final : public SampleSink {
 public:
  explicit Aggregator(AggregatorOptions options = {});
  ~Aggregator() override;

  void submit(const Sample& sample) override;
  void submit(const ServiceCheck& check) override;
  void submit(const Event& event) override;

  /// Ends the run: fills series, service checks, events, samples, dropped and time of `snapshot`
  /// (the caller fills the rest), whose vectors are reused when the same snapshot comes again.
  void commit(Snapshot& snapshot);

  /// Contexts held, counting those that only keep their last value.
  [[nodiscard]] std::size_t contexts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace heapwatch::metrics
