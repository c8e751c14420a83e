// Runs that take much: many series, large pages, more memory than there is.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <new>
#include <string>
#include <thread>

#include "scheduler_fixture.h"

namespace heapwatch::check::schedule {
namespace {

TEST_F(SchedulerTest, ALargeRunIsPublishedInSlicesWhileOthersHaveTheirTurns) {
  int slices = 0;
  int quick_between = 0;
  bool is_between = false;
  int large_runs = 0;
  scheduler_ = std::make_unique<Scheduler>(
      *loop_,
      SchedulerOptions{
          .check_runners = 2, .large_series = 100, .slice = std::chrono::microseconds(0)},
      [&](const metrics::Snapshot& snapshot) {
        ++published_[snapshot.instance->id];
        quick_between += is_between ? 1 : 0;
      },
      [&](const metrics::Snapshot& snapshot) -> Scheduler::Slice {
        EXPECT_EQ(snapshot.series.size(), 500U);
        is_between = true;
        return [&, left = 2000]() mutable {
          ++slices;
          std::this_thread::sleep_for(std::chrono::microseconds(100));
          if (--left > 0) {
            return true;
          }
          is_between = false;
          if (++large_runs == 2) {
            loop_->stop();
          }
          return false;
        };
      });
  scheduler_->add(
      scripted("large", [](metrics::SampleSink& sink) { return submit_many(sink, 500); }));
  scheduler_->add(scripted("quick", [](metrics::SampleSink&) { return RunReport{}; }));
  loop_->run();
  EXPECT_EQ(slices, 4000);
  EXPECT_GE(quick_between, 2);
  const auto stats = scheduler_->stats();
  EXPECT_EQ(stats[0].runs, 2U);
  EXPECT_GE(stats[0].skipped, 1U);  // it runs until it is published
}

TEST_F(SchedulerTest, AnInstanceRemovedBetweenTwoSlicesIsPublishedNoFurther) {
  bool removed = false;
  int slices_after = 0;
  scheduler_ = std::make_unique<Scheduler>(
      *loop_,
      SchedulerOptions{
          .check_runners = 1, .large_series = 100, .slice = std::chrono::microseconds(0)},
      [](const metrics::Snapshot&) {},
      [&](const metrics::Snapshot&) -> Scheduler::Slice {
        loop_->post([&] {
          EXPECT_TRUE(scheduler_->remove("large"));
          removed = true;
          loop_->at(std::chrono::steady_clock::now() + milliseconds(50), [&] { loop_->stop(); });
        });
        return [&] {
          slices_after += removed ? 1 : 0;
          return true;
        };
      });
  scheduler_->add(
      scripted("large", [](metrics::SampleSink& sink) { return submit_many(sink, 500); }));
  loop_->run();
  EXPECT_EQ(slices_after, 0);
  EXPECT_EQ(scheduler_->totals().running, 0U);
}

TEST_F(SchedulerTest, ALargePageIsTakenInWhileTheLoopGoesOn) {
  auto server = net::HttpServer::start({.listen = "127.0.0.1:0"}, [](const net::ServerRequest&) {
    net::ServerReply reply;
    reply.body = std::string(500'000, 'x');
    return reply;
  });
  ASSERT_TRUE(server);
  make_scheduler();
  std::atomic<bool> taking_in{false};
  std::atomic<int> turns_meanwhile{0};
  scheduler_->add(configured(
      "large",
      std::make_unique<ScriptedHttpCheck>(
          "http://127.0.0.1:" + std::to_string((*server)->port()) + "/",
          [&](const net::HttpResult& response, metrics::SampleSink&) -> base::Result<RunReport> {
            EXPECT_EQ(response->body.size(), 500'000U);
            taking_in = true;
            const auto until = std::chrono::steady_clock::now() + seconds(30);
            while (turns_meanwhile < 3 && std::chrono::steady_clock::now() < until) {
              std::this_thread::sleep_for(milliseconds(1));
            }
            taking_in = false;
            return RunReport{};
          })));
  scheduler_->add(scripted("quick", [](metrics::SampleSink&) { return RunReport{}; }));
  stop_when_ = [&] {
    turns_meanwhile += taking_in ? 1 : 0;
    return published_["large"] >= 1;
  };
  loop_->run();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
  EXPECT_GE(turns_meanwhile, 3);
}

TEST_F(SchedulerTest, WhereMemoryRunsOutTheOthersAndTheNextRunsGoOn) {
  scheduler_ = std::make_unique<Scheduler>(
      *loop_, SchedulerOptions{.check_runners = 2, .backoff_max = milliseconds(0)},
      [this](const metrics::Snapshot& snapshot) {
        if (++published_[snapshot.instance->id] >= 3 && published_["run"] >= 3 &&
            published_["publish"] >= 3) {
          loop_->stop();
        }
        if (snapshot.instance->id == "publish") {
          throw std::bad_alloc();
        }
      });
  scheduler_->add(scripted(
      "run", [](metrics::SampleSink&) -> base::Result<RunReport> { throw std::bad_alloc(); }));
  scheduler_->add(scripted("publish", [](metrics::SampleSink&) { return RunReport{}; }));
  loop_->run();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
  const auto stats = scheduler_->stats();
  EXPECT_GE(stats.at(0).errors, 3U);
  EXPECT_EQ(stats.at(0).last_error, "there was no memory for the run");
  EXPECT_EQ(stats.at(1).errors, 0U);
}

TEST_F(SchedulerTest, WhereMemoryRunsOutBetweenSlicesTheNextRunComesAllTheSame) {
  std::atomic<int> begun{0};
  int slices = 0;
  scheduler_ = std::make_unique<Scheduler>(
      *loop_,
      SchedulerOptions{.check_runners = 1,
                       .backoff_max = milliseconds(0),
                       .large_series = 100,
                       .slice = std::chrono::microseconds(0)},
      [](const metrics::Snapshot&) { FAIL() << "published at once"; },
      [&](const metrics::Snapshot&) -> Scheduler::Slice {
        if (++begun == 2) {
          throw std::bad_alloc();
        }
        return [&, left = 3]() mutable {
          ++slices;
          if (begun == 3) {
            throw std::bad_alloc();
          }
          if (begun >= 5) {
            loop_->stop();
          }
          return --left > 0;
        };
      });
  // Also where it fails, since its series are many.
  scheduler_->add(scripted("large", [&](metrics::SampleSink& sink) -> base::Result<RunReport> {
    if (begun == 3) {
      return base::fail(base::ErrorKind::unreachable, "no");
    }
    return submit_many(sink, 500);
  }));
  loop_->run();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
  EXPECT_EQ(scheduler_->stats().at(0).errors, 1U);
  EXPECT_GE(slices, 3 + 0 + 1 + 3);
}

/// Is content with the second answer of each run.

}  // namespace
}  // namespace heapwatch::check::schedule
