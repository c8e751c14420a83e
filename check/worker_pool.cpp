#include "check/worker_pool.h"

#include <utility>

namespace heapwatch::check {

WorkerPool::WorkerPool(unsigned threads) {
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this]() noexcept { work(); });
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    line_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void WorkerPool::submit(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      return;
    }
    line_.push_back(std::move(task));
  }
  changed_.notify_all();
}

bool WorkerPool::stop(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  line_.clear();
  changed_.notify_all();
  return changed_.wait_for(lock, patience, [this] { return busy_ == 0; });
}

std::size_t WorkerPool::waiting() const {
  const std::lock_guard lock(mutex_);
  return line_.size();
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !line_.empty(); });
    if (stopping_) {
      return;
    }
    const Task task = std::move(line_.front());
    line_.pop_front();
    ++busy_;
    lock.unlock();
    task();
    lock.lock();
    --busy_;
    changed_.notify_all();
  }
}

}  // namespace heapwatch::check
