#include "net/worker_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

namespace heapwatch::net {
namespace {

TEST(WorkerThreads, AreStartedUpToTheirNumberAndThenTasksWait) {
  constexpr unsigned threads_max = 3;
  constexpr std::size_t waiting_max = 2;
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  std::mutex mutex;
  std::set<std::thread::id> seen;
  std::atomic<unsigned> done{0};
  std::atomic<unsigned> begun{0};
  {
    WorkerThreads workers(threads_max, waiting_max);
    const auto task = [&] {
      ++begun;
      begun.notify_all();
      gone.wait();
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
      ++done;
      done.notify_all();
    };
    for (std::size_t i = 0; i < threads_max + waiting_max; ++i) {
      EXPECT_TRUE(workers.submit(task));
    }
    for (unsigned now = begun; now < threads_max; now = begun) {
      begun.wait(now);
    }
    EXPECT_FALSE(workers.submit(task));
    go.set_value();
    for (unsigned now = done; now < threads_max + waiting_max; now = done) {
      done.wait(now);
    }
    EXPECT_TRUE(workers.submit([] {}));
  }
  EXPECT_LE(seen.size(), threads_max);
}

/// Is destroyed with the tasks of the pool.
struct Witness {
  std::promise<void>& gone;
  explicit Witness(std::promise<void>& of) : gone(of) {}
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  ~Witness() { gone.set_value(); }
};

TEST(WorkerThreads, DropWhatWaitsWhenTheyEnd) {
  std::promise<void> dropped;
  std::promise<void> running;
  std::atomic<int> ran{0};
  {
    WorkerThreads workers(1, 10);
    EXPECT_TRUE(workers.submit([&] {
      running.set_value();
      dropped.get_future().wait();  // ends only when the other task has been dropped
      ++ran;
    }));
    running.get_future().wait();
    EXPECT_TRUE(
        workers.submit([&ran, witness = std::make_shared<Witness>(dropped)] { ran += 100; }));
  }
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace heapwatch::net
