#include "net/worker_threads.h"

#include <system_error>
#include <utility>

namespace heapwatch::net {

WorkerThreads::~WorkerThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

bool WorkerThreads::submit(Task task) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= idle_ && threads_.size() < threads_max_) {
    try {
      threads_.emplace_back([this] { work(); });
      ++idle_;                            // it will take a task that waits
    } catch (const std::system_error&) {  // the system gives no more; those there are go on
    }
  }
  if (threads_.empty() || waiting_.size() >= idle_ + waiting_max_) {
    return false;
  }
  waiting_.push_back(std::move(task));
  changed_.notify_one();
  return true;
}

void WorkerThreads::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) {
      return;
    }
    Task task = std::move(waiting_.front());
    waiting_.pop_front();
    --idle_;
    lock.unlock();
    task();
    task = nullptr;  // what it holds goes before the next wait
    lock.lock();
    ++idle_;
  }
}

}  // namespace heapwatch::net
