// What the log tells of the runs of one instance: when its state changes, and not at every run.
#pragma once

#include <chrono>
#include <set>
#include <string>

#include "metrics/run_stats.h"
#include "metrics/snapshot.h"

namespace heapwatch::check::schedule {

/// Threads: not safe; goes with its instance.
class RunLog {
 public:
  /// Logs a line when the instance begins to fail or to warn, for a fault not logged since then,
  /// and when it works again. Good runs are logged at the first ones and every `frequency`.
  void tell(const metrics::Snapshot& snapshot, const metrics::RunStats& stats, unsigned frequency);

 private:
  enum class State : std::uint8_t { good, warned, failed };

  void tell_trouble(const metrics::Snapshot& snapshot, State state);

  State state_ = State::good;
  std::uint64_t bad_runs_ = 0;
  std::chrono::steady_clock::time_point bad_since_;
  std::set<std::string> told_;  // faults since the state began, without their digits
};

}  // namespace heapwatch::check::schedule
