#include "check/schedule/worker_pool.h"

#include <exception>
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
      try {
        start_worker();
      } catch (const std::exception&) {
        return;  // there is no memory for a thread; the next call may find some
      }
      worker.relieved = true;
      --wanted;
    }
  }
}

void WorkerPool::start_worker() {
  Worker& worker = workers_.emplace_back();
  try {
    worker.thread = std::thread([this, &worker]() noexcept { work(worker); });
  } catch (const std::exception&) {
    workers_.pop_back();
    throw;
  }
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
