#include "check/schedule/worker_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <memory>
#include <thread>

namespace heapwatch::check::schedule {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(WorkerPool, RunsAsManyTasksAtOnceAsItHasThreads) {
  WorkerPool pool(3);
  std::latch all_running(3);
  std::atomic<int> finished{0};
  for (int i = 0; i < 3; ++i) {
    pool.submit([&] {
      all_running.arrive_and_wait();  // hangs unless three tasks run at once
      ++finished;
    });
  }
  all_running.wait();
  EXPECT_TRUE(pool.stop(seconds(10)));
  EXPECT_EQ(finished, 3);
}

TEST(WorkerPool, KeepsTasksInLineWhileAllThreadsAreBusy) {
  WorkerPool pool(1);
  std::promise<void> begun;
  std::promise<void> release;
  pool.submit([&] {
    begun.set_value();
    release.get_future().wait();
  });
  begun.get_future().wait();
  std::promise<void> second;
  pool.submit([&] { second.set_value(); });
  EXPECT_EQ(pool.waiting(), 1U);
  release.set_value();
  EXPECT_EQ(second.get_future().wait_for(seconds(10)), std::future_status::ready);
}

TEST(WorkerPool, AnotherThreadStandsInForOneThatIsStuck) {
  WorkerPool pool(1);
  std::promise<void> begun;
  std::promise<void> release;
  std::promise<void> ended;
  pool.submit([&] {
    begun.set_value();
    release.get_future().wait();
    ended.set_value();
  });
  begun.get_future().wait();
  pool.relieve(milliseconds(0));
  std::promise<void> second;
  pool.submit([&] { second.set_value(); });
  auto done = second.get_future();
  EXPECT_EQ(pool.waiting(), 1U);  // nobody stood in before there was something to do
  pool.relieve(seconds(1000));
  EXPECT_EQ(pool.waiting(), 1U);
  while (done.wait_for(milliseconds(1)) != std::future_status::ready) {
    pool.relieve(milliseconds(0));
  }
  release.set_value();
  ended.get_future().wait();
  // One thread is left: two tasks do not run at once.
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::latch all_done(20);
  for (int i = 0; i < 20; ++i) {
    pool.submit([&] {
      most = std::max(most.load(), ++running);
      std::this_thread::yield();
      --running;
      all_done.count_down();
    });
    pool.relieve(seconds(1000));
  }
  all_done.wait();
  EXPECT_EQ(most, 1);
  EXPECT_TRUE(pool.stop(seconds(10)));
}

TEST(WorkerPool, StopGivesUpOnATaskThatDoesNotEnd) {
  WorkerPool pool(1);
  std::promise<void> begun;
  std::promise<void> release;
  pool.submit([&] {
    begun.set_value();
    release.get_future().wait();
  });
  begun.get_future().wait();
  EXPECT_FALSE(pool.stop(milliseconds(1)));
  release.set_value();
}

TEST(WorkerPool, DropsItsLineAndLaterTasksWhenItStops) {
  std::atomic<bool> ran{false};
  std::promise<void> begun;
  std::promise<void> release;
  WorkerPool pool(1);
  pool.submit([&] {
    begun.set_value();
    release.get_future().wait();
  });
  begun.get_future().wait();
  pool.submit([&] { ran = true; });
  EXPECT_FALSE(pool.stop(milliseconds(1)));
  pool.submit([&] { ran = true; });
  EXPECT_EQ(pool.waiting(), 0U);
  release.set_value();
  EXPECT_TRUE(pool.stop(seconds(10)));
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace heapwatch::check::schedule
