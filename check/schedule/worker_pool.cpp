#include "check/schedule/worker_pool.h"

#include <utility>

namespace heapwatch::check::schedule {

WorkerPool::WorkerPool(unsigned threads) {
  const std::lock_guard lock(mutex_);
  for (unsigned i = 0; i < threads; ++i) {
    start_worker();
  }
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    line_.clear();
  }
  changed_.notify_all();
  for (Worker& worker : workers_) {
    worker.thread.join();
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

void WorkerPool::relieve(std::chrono::steady_clock::duration patience) {
  const std::lock_guard lock(mutex_);
  if (stopping_) {
    return;
  }
  for (auto worker = workers_.begin(); worker != workers_.end();) {
    if (worker->ended) {
      worker->thread.join();
      worker = workers_.erase(worker);
    } else {
      ++worker;
    }
  }
  const auto now = std::chrono::steady_clock::now();
  std::size_t wanted = line_.size();
  for (Worker& worker : workers_) {
    if (wanted > 0 && !worker.relieved && worker.began && now - *worker.began > patience) {
      worker.relieved = true;
      --wanted;
      start_worker();
    }
  }
}

void WorkerPool::start_worker() {
  Worker& worker = workers_.emplace_back();
  worker.thread = std::thread([this, &worker]() noexcept { work(worker); });
}

void WorkerPool::work(Worker& worker) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !line_.empty(); });
    if (stopping_) {
      return;
    }
    const Task task = std::move(line_.front());
    line_.pop_front();
    ++busy_;
    worker.began = std::chrono::steady_clock::now();
    lock.unlock();
    task();
    lock.lock();
    --busy_;
    worker.began.reset();
    changed_.notify_all();
    if (worker.relieved) {
      worker.ended = true;  // the one that stood in goes on
      return;
    }
  }
}

}  // namespace heapwatch::check::schedule
