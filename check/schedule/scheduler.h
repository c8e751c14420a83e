// Runs every configured instance at its turns, for as long as the agent lives.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "check/schedule/instance_runner.h"
#include "check/schedule/worker_pool.h"
#include "metrics/run_stats.h"
#include "net/event_loop.h"

namespace heapwatch::check::schedule {

struct SchedulerOptions {
  unsigned check_runners = 4;  // threads for checks that block; HTTP checks need none
  /// A run on one of them that takes longer is stuck: while it goes on, a further thread stands in.
  std::chrono::milliseconds stuck_after{30'000};
  unsigned logging_frequency =
      500;  // after the first 5 runs of an instance, every so many are logged
  std::chrono::milliseconds backoff_max{60'000};  // see turns_to_sit_out(); zero: no back-off
  RunnerOptions runner;
};

/// The runs of all instances of a check since the start, also of those configured no more.
struct CheckTotals {
  std::uint64_t runs = 0;
  std::uint64_t errors = 0;
  std::uint64_t warnings = 0;
  std::uint64_t skipped = 0;
  std::uint64_t sat_out = 0;
  std::uint64_t samples = 0;
  std::chrono::nanoseconds run_time{0};
  std::map<std::string, std::uint64_t> dropped;  // samples, by reason
  // Of the instances there are now:
  std::size_t instances = 0;
  std::size_t failing = 0;
};

/// HTTP checks run on the event loop, so that a target that hangs holds up nobody; checks that
/// block run on a pool of threads. No instance ever runs twice at once: a turn that comes while it
/// is still running is skipped and counted. A target that keeps failing sits out some turns.
///
/// Threads: add(), remove() and stop() belong to the loop's thread (or to before it runs);
/// `publish` is called there. stats(), totals() and by_check() may be called from any thread.
class Scheduler {
 public:
  using Publish = std::function<void(const metrics::Snapshot&)>;

  Scheduler(net::EventLoop& loop, SchedulerOptions options, Publish publish);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  ~Scheduler();

  /// Schedules an instance from its first turn on.
  void add(std::unique_ptr<ConfiguredCheck> configured);

  /// No turn of the instance comes any more, and nothing of it is published: a run that is going on
  /// ends unheard. False when there is no such instance.
  bool remove(std::string_view id);

  /// No turn comes after this. False when a blocking run did not end within `patience`: see
  /// WorkerPool::stop().
  [[nodiscard]] bool stop(std::chrono::milliseconds patience);

  /// Of every instance, in the order they were added.
  [[nodiscard]] std::vector<metrics::RunStats> stats() const;

  struct Totals {
    std::size_t instances = 0;
    std::size_t failing = 0;  // whose last run failed
    std::size_t running = 0;
    std::size_t waiting_for_runner = 0;
    std::size_t contexts = 0;
  };
  [[nodiscard]] Totals totals() const;
  [[nodiscard]] std::map<std::string, CheckTotals> by_check() const;

 private:
  struct Entry;

  void take_turn(Entry& entry);
  void schedule(Entry& entry, std::chrono::system_clock::time_point turn);
  void start_http(Entry& entry);
  void start_blocking(Entry& entry);
  /// Says once that a run does not end.
  void watch_run(Entry& entry);
  void finish(Entry& entry, const base::Result<RunReport>& outcome);
  /// Under stats_mutex_.
  void count_run(Entry& entry, const metrics::Snapshot& snapshot);
  /// Of an entry that was removed while its run went on.
  void bury(Entry& entry);
  void skip_turn(Entry& entry, void (InstanceRunner::*count)(), std::uint64_t CheckTotals::*total);

  net::EventLoop& loop_;
  SchedulerOptions options_;
  std::shared_ptr<const RunnerOptions> runner_options_;
  Publish publish_;
  metrics::Snapshot snapshot_;  // of the run that is being published
  std::minstd_rand random_;
  std::vector<std::unique_ptr<Entry>> leaving_;  // removed, with a run going on
  bool stopping_ = false;

  mutable std::mutex stats_mutex_;
  std::vector<std::unique_ptr<Entry>> entries_;  // changed under stats_mutex_
  std::map<std::string, CheckTotals> by_check_;  // under stats_mutex_, as all below
  std::size_t running_ = 0;
  std::size_t contexts_ = 0;
  std::size_t failing_ = 0;

  WorkerPool workers_;  // last: its threads use the rest
};

}  // namespace heapwatch::check::schedule
