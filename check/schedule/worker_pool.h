// Threads for check runs that block.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

namespace heapwatch::check::schedule {

/// A number of threads and a line of tasks. Each instance has at most one task in line, so the line
/// is bounded by the number of instances. A thread whose task goes on and on does not count: while
/// it does, another takes its place (see relieve()).
///
/// Threads: submit(), relieve() and waiting() may be called from any.
class WorkerPool {
 public:
  using Task = std::function<void()>;

  explicit WorkerPool(unsigned threads);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  /// Calls stop() without patience first.
  ~WorkerPool();

  /// Tasks submitted after stop() are dropped.
  void submit(Task task);

  /// Drops the line and waits for running tasks. A thread whose task does not end by `patience` is
  /// left behind: then false is returned, and the process must end without destroying what that
  /// task uses.
  [[nodiscard]] bool stop(std::chrono::milliseconds patience);

  [[nodiscard]] std::size_t waiting() const;

  /// Starts a thread for each one whose task has been going on for longer than `patience`, when
  /// tasks wait for it. To be called now and then.
  void relieve(std::chrono::steady_clock::duration patience);

 private:
  struct Worker {
    std::thread thread;
    std::optional<std::chrono::steady_clock::time_point> began;  // its task
    bool relieved = false;                                       // another stands in for it
    bool ended = false;                                          // and can be joined
  };

  void start_worker();  // under mutex_
  void work(Worker& worker);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> line_;
  unsigned busy_ = 0;
  bool stopping_ = false;
  std::list<Worker> workers_;
};

}  // namespace heapwatch::check::schedule
