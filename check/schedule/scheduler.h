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
#include <unordered_map>
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
  /// A run over HTTP of an instance with more series than this, or with a larger body, is taken in
  /// on a thread of its own, and what it comes to is published in slices: the loop goes on.
  std::size_t large_series = 1'000;
  std::size_t large_body_bytes = std::size_t{32} * 1024;
  /// For how long slices are published before others have their turn.
  std::chrono::microseconds slice{5'000};
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
/// block run on a pool of threads, and large pages are taken in on a thread for them. No instance
/// ever runs twice at once, and a run lasts until it is published: a turn that comes while it is
/// still running is skipped and counted. A target that keeps failing sits out some turns.
///
/// Threads: add(), remove() and stop() belong to the loop's thread (or to before it runs);
/// `publish` is called there. stats(), totals() and by_check() may be called from any thread.
class Scheduler {
 public:
  using Publish = std::function<void(const metrics::Snapshot&)>;
  /// Publishes a little of a snapshot; false when that was the last of it.
  using Slice = std::function<bool()>;
  /// Begins to publish a snapshot that stays where it is until its last slice, or until the
  /// function is destroyed: then its instance is gone.
  using PublishSlices = std::function<Slice(const metrics::Snapshot&)>;

  /// Without `publish_slices` large snapshots go through `publish` like the others.
  Scheduler(net::EventLoop& loop, SchedulerOptions options, Publish publish,
            PublishSlices publish_slices = nullptr);
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
  void take_answer(Entry& entry, net::HttpResult response);
  void start_blocking(Entry& entry);
  void run_on_worker(Entry& entry);
  [[nodiscard]] bool is_large(const Entry& entry, const net::HttpResult& response) const;
  /// On a thread of its own. False when there is no memory for that.
  [[nodiscard]] bool take_in(Entry& entry, net::HttpResult response);
  void hand_to_large_worker(Entry& entry, net::HttpResult response);
  /// Says once that a run does not end.
  void watch_run(Entry& entry);
  void finish(Entry& entry, const base::Result<RunReport>& outcome);
  using SnapshotPtr = std::unique_ptr<metrics::Snapshot>;
  void publish(Entry& entry, SnapshotPtr snapshot);
  void publish_slices(Entry& entry);
  void end_run(Entry& entry, SnapshotPtr snapshot);
  void put_aside(SnapshotPtr snapshot);
  /// It has room from an earlier run.
  [[nodiscard]] SnapshotPtr spare_snapshot();
  /// Under stats_mutex_.
  void count_run(Entry& entry, const metrics::Snapshot& snapshot);
  /// Ends an entry that was removed while its run went on.
  void discard(Entry& entry);
  void destroy(std::unique_ptr<Entry> entry);
  void skip_turn(Entry& entry, void (InstanceRunner::*count)(), std::uint64_t CheckTotals::*total);

  net::EventLoop& loop_;
  SchedulerOptions options_;
  std::shared_ptr<const RunnerOptions> runner_options_;
  Publish publish_;
  PublishSlices publish_slices_;
  std::vector<SnapshotPtr> spare_;
  std::minstd_rand random_;
  std::vector<std::unique_ptr<Entry>> leaving_;  // removed, with a run going on
  bool stopping_ = false;

  mutable std::mutex stats_mutex_;
  std::map<std::uint64_t, std::unique_ptr<Entry>> entries_;    // in the order of add(); see below
  std::unordered_map<std::string_view, std::uint64_t> by_id_;  // both changed under stats_mutex_
  std::uint64_t added_ = 0;
  std::map<std::string, CheckTotals> by_check_;  // under stats_mutex_, as all below
  std::size_t running_ = 0;
  std::size_t contexts_ = 0;
  std::size_t failing_ = 0;

  WorkerPool workers_;                        // last: their threads use the rest
  std::unique_ptr<WorkerPool> large_worker_;  // made when first needed
};

}  // namespace heapwatch::check::schedule
