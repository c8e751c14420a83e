// Runs every configured instance at its turns, for as long as the agent lives.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "check/instance_runner.h"
#include "check/worker_pool.h"
#include "metrics/run_stats.h"
#include "net/event_loop.h"

namespace heapwatch::check {

struct SchedulerOptions {
  unsigned check_runners = 4;  // threads for checks that block; HTTP checks need none
  /// A run on one of them that takes longer is stuck: while it goes on, a further thread stands in.
  std::chrono::milliseconds stuck_after{30'000};
  unsigned logging_frequency =
      500;  // after the first 5 runs of an instance, every so many are logged
  RunnerOptions runner;
};

/// HTTP checks run on the event loop, so that a target that hangs holds up nobody; checks that
/// block run on a pool of threads. No instance ever runs twice at once: a turn that comes while it
/// is still running is skipped and counted.
///
/// Threads: add(), start() and stop() belong to the loop's thread (or to before it runs); `publish`
/// is called there. stats() may be called from any thread.
class Scheduler {
 public:
  using Publish = std::function<void(const metrics::Snapshot&)>;

  Scheduler(net::EventLoop& loop, SchedulerOptions options, Publish publish);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  ~Scheduler();

  /// Schedules an instance from its first turn on.
  void add(std::unique_ptr<ConfiguredCheck> configured);

  /// No turn comes after this. False when a blocking run did not end within `patience`: see
  /// WorkerPool::stop().
  [[nodiscard]] bool stop(std::chrono::milliseconds patience);

  /// Of every instance, in the order they were added.
  [[nodiscard]] std::vector<metrics::RunStats> stats() const;

  struct Totals {
    std::size_t instances = 0;
    std::size_t running = 0;
    std::size_t waiting_for_runner = 0;
    std::size_t contexts = 0;
  };
  [[nodiscard]] Totals totals() const;

 private:
  struct Entry;

  void take_turn(Entry& entry);
  void schedule(Entry& entry, std::chrono::system_clock::time_point turn);
  void start_http(Entry& entry);
  void start_blocking(Entry& entry);
  /// Says once that a run does not end.
  void watch_run(Entry& entry);
  void finish(Entry& entry, const base::Result<RunReport>& outcome);
  /// The first runs and every so many after them; trouble when it comes, changes and goes.
  void log_run(Entry& entry, const metrics::Snapshot& snapshot) const;

  net::EventLoop& loop_;
  SchedulerOptions options_;
  Publish publish_;
  std::vector<std::unique_ptr<Entry>> entries_;
  bool stopping_ = false;

  mutable std::mutex stats_mutex_;
  std::vector<metrics::RunStats> stats_;  // by Entry::index
  std::size_t running_ = 0;               // under stats_mutex_
  std::size_t contexts_ = 0;              // under stats_mutex_

  WorkerPool workers_;  // last: its threads use the rest
};

}  // namespace heapwatch::check
