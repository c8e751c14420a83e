#include "metrics/run_stats.h"

#include <algorithm>
#include <numeric>

namespace heapwatch::metrics {

namespace {

constexpr std::size_t durations_max = 32;

RunStats::RunTime run_time(std::chrono::nanoseconds duration) {
  constexpr std::int64_t longest = RunStats::RunTime::max().count();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return RunStats::RunTime(
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(micros, 0, longest)));
}

void count(std::uint64_t& last, std::uint64_t& total, std::uint64_t added) {
  total += added;
  if (added != 0) {
    last = added;
  }
}

}  // namespace

void RunStats::add(const Snapshot& snapshot) {
  instance = snapshot.instance;
  ++runs;
  if (durations.size() ==
      durations_max) {  // before one is added, so that there is room for no more
    durations.erase(durations.begin());
  }
  durations.push_back(run_time(snapshot.duration));
  last_run = snapshot.time.wall;
  if (snapshot.error) {
    ++errors;
    ++failed_runs;
    last_error = snapshot.error->message;
  } else {
    last_error.clear();
    failed_runs = 0;
    last_success = snapshot.time.wall;
  }
  warnings += snapshot.warnings.size();
  last_warnings = snapshot.warnings;

  count(last_samples, samples, snapshot.samples);
  count(last_events, events, snapshot.events.size());
  count(last_service_checks, service_checks, snapshot.service_checks.size());
  for (const auto& [reason, held_back] : snapshot.dropped) {
    dropped += held_back;
  }
}

std::chrono::nanoseconds RunStats::average_duration() const {
  const auto sum = std::accumulate(durations.begin(), durations.end(), std::chrono::nanoseconds{0});
  return durations.empty() ? sum : sum / static_cast<std::int64_t>(durations.size());
}

}  // namespace heapwatch::metrics
