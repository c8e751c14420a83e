#include "metrics/run_stats.h"

#include <algorithm>
#include <numeric>

namespace heapwatch::metrics {

void RunStats::add(const Snapshot& snapshot) {
  instance = snapshot.instance;
  durations_.at(runs % averaged_runs) = snapshot.duration;
  ++runs;
  last_duration = snapshot.duration;
  last_run = snapshot.time.wall;
  if (snapshot.error) {
    ++errors;
    last_error = snapshot.error->message;
  } else {
    last_error.clear();
    last_success = snapshot.time.wall;
  }
  warnings += snapshot.warnings.size();
  last_warnings = snapshot.warnings;

  samples += snapshot.samples;
  if (snapshot.samples != 0) {
    last_samples = snapshot.samples;
  }
  last_events = snapshot.events.size();
  events += last_events;
  last_service_checks = snapshot.service_checks.size();
  service_checks += last_service_checks;
  for (const auto& [reason, count] : snapshot.dropped) {
    dropped += count;
  }
}

std::chrono::nanoseconds RunStats::average_duration() const {
  const auto counted = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(runs, averaged_runs));
  if (counted == 0) {
    return std::chrono::nanoseconds{0};
  }
  return std::accumulate(durations_.begin(), durations_.begin() + counted,
                         std::chrono::nanoseconds{0}) /
         counted;
}

}  // namespace heapwatch::metrics
