// What is known of the runs of one check instance, for `status` and the pages about ourselves.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "metrics/snapshot.h"

namespace heapwatch::metrics {

/// A plain value: copy it out under the lock of whoever keeps it.
struct RunStats {
  InstancePtr instance;
  std::chrono::milliseconds interval{0};

  std::uint64_t runs = 0;
  std::uint64_t errors = 0;       // runs that failed
  std::uint64_t failed_runs = 0;  // in a row, up to now
  std::uint64_t sat_out = 0;      // turns given up because runs kept failing
  std::uint64_t warnings = 0;     // warnings of all runs
  std::uint64_t skipped = 0;      // turns that came while the last run was still going on
  std::uint64_t samples = 0;      // of all runs; raw submissions
  std::uint64_t events = 0;
  std::uint64_t service_checks = 0;
  std::uint64_t dropped = 0;  // samples dropped, for any reason

  std::uint64_t last_samples = 0;  // these three: of the last run that had any
  std::uint64_t last_events = 0;
  std::uint64_t last_service_checks = 0;
  /// In 32 bits, as there are as many of them as targets times 32: more than an hour shows as that.
  using RunTime = std::chrono::duration<std::uint32_t, std::micro>;
  std::vector<RunTime> durations;  // of the last 32 runs, the newest last
  /// How long the run that is going on has taken, of a check that blocks.
  std::optional<std::chrono::nanoseconds> running_for;
  std::optional<std::chrono::system_clock::time_point> last_run;
  std::optional<std::chrono::system_clock::time_point> last_success;
  std::string last_error;  // empty: the last run did not fail
  std::vector<std::string> last_warnings;

  /// Counts one run.
  void add(const Snapshot& snapshot);

  /// Over `durations`.
  [[nodiscard]] std::chrono::nanoseconds average_duration() const;
};

}  // namespace heapwatch::metrics
