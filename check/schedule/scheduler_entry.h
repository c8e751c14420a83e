// An instance as the scheduler keeps it, and what its runs do when memory is short.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "base/memory_reserve.h"
#include "check/schedule/run_log.h"
#include "check/schedule/scheduler.h"

namespace heapwatch::check::schedule {

/// What is lost for want of memory is lost; the runs to come are not.
template <typename Work>
void as_far_as_memory_goes(const char* what, const metrics::Instance& of, const Work& work) {
  if (!base::within_memory(work)) {
    base::log(base::LogLevel::error, "check " + of.id + ": there was no memory for " + what);
  }
}

/// What must not be lost, and needs very little memory: tried until there is as much.
template <typename Work>
void surely(const Work& work) {
  constexpr std::chrono::milliseconds pause{5};
  while (!base::within_memory(work)) {
    std::this_thread::sleep_for(pause);
  }
}

struct Scheduler::Entry {
  Entry(std::unique_ptr<ConfiguredCheck> configured,
        const std::shared_ptr<const RunnerOptions>& options)
      : runner(std::move(configured), options), hash(base::fnv1a(runner.instance().id)) {}

  InstanceRunner runner;  // its statistics change under stats_mutex_
  std::uint64_t hash;
  net::EventLoop::TimerId timer{};
  base::Instant began{};
  bool running = false;
  std::atomic<bool> leaving{false};
  std::uint64_t turns_to_sit_out = 0;
  RunLog log;
  SnapshotPtr publishing;  // in slices
  Slice slice;             // of that

  // Under stats_mutex_:
  CheckTotals* totals = nullptr;
  std::optional<std::chrono::steady_clock::time_point> on_runner;  // of the run going on there
  bool logged_stuck = false;
  std::size_t contexts = 0;
  bool failing = false;
};

}  // namespace heapwatch::check::schedule
