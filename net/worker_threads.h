// A bounded number of threads for what must not run on an event loop.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace heapwatch::net {

/// Threads are started when there is more to do than those there are can take, and stay.
///
/// Threads: submit() may be called from any.
/// Errors: a task that throws ends the program.
class WorkerThreads {
 public:
  using Task = std::function<void()>;

  /// `waiting_max`: tasks that wait for a thread while all are at work.
  WorkerThreads(unsigned threads_max, std::size_t waiting_max)
      : threads_max_(threads_max == 0 ? 1 : threads_max), waiting_max_(waiting_max) {}
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;
  /// Tasks that run are waited for; those that wait are dropped.
  ~WorkerThreads();

  /// False when as many wait as may, or the system gives no thread at all.
  [[nodiscard]] bool submit(Task task);

 private:
  void work();

  const unsigned threads_max_;
  const std::size_t waiting_max_;
  std::mutex mutex_;  // over all that follows
  std::condition_variable changed_;
  std::deque<Task> waiting_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace heapwatch::net
