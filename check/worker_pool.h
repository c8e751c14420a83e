// Threads for check runs that block.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace heapwatch::check {

/// A fixed number of threads and a line of tasks. Each instance has at most one task in line, so
/// the line is bounded by the number of instances.
///
/// Threads: submit() and waiting() may be called from any.
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

 private:
  void work();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> line_;
  unsigned busy_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace heapwatch::check
