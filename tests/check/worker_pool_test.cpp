#include "check/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <memory>

namespace heapwatch::check {
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
}  // namespace heapwatch::check
