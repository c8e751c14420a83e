#include "check/schedule/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include "net/http_server.h"
#include "scripted_check.h"

namespace heapwatch::check::schedule {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() : loop_(net::EventLoop::create().value()) {
    // Whatever happens, the loop ends.
    loop_->at(std::chrono::steady_clock::now() + seconds(60), [this] {
      ADD_FAILURE() << "the test took too long";
      loop_->stop();
    });
  }

  void make_scheduler(unsigned runners = 2) {
    scheduler_ = std::make_unique<Scheduler>(*loop_, SchedulerOptions{.check_runners = runners},
                                             [this](const metrics::Snapshot& snapshot) {
                                               ++published_[snapshot.instance->id];
                                               if (stop_when_ && stop_when_()) {
                                                 loop_->stop();
                                               }
                                             });
  }

  /// Looks again and again, on the loop.
  void when(const std::function<bool()>& ready, const std::function<void()>& then) {
    loop_->at(std::chrono::steady_clock::now() + milliseconds(1),
              [=, this] { ready() ? then() : when(ready, then); });
  }

  std::unique_ptr<net::EventLoop> loop_;
  std::unique_ptr<Scheduler> scheduler_;
  std::map<std::string, int> published_;
  std::function<bool()> stop_when_;
};

/// So many gauges.
RunReport submit_many(metrics::SampleSink& sink, int count) {
  for (int i = 0; i < count; ++i) {
    sink.submit(
        metrics::Sample{.context = metrics::make_context(
                            {.name = "n" + std::to_string(i), .tags = {}, .host = {}, .help = {}}),
                        .value = base::Number::of(i)});
  }
  return RunReport{};
}

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

TEST_F(SchedulerTest, RunsEveryInstanceAgainAndAgain) {
  make_scheduler();
  for (const char* id : {"a", "b", "c"}) {
    scheduler_->add(scripted(id, [](metrics::SampleSink&) { return RunReport{}; }));
  }
  stop_when_ = [this] {
    return published_["a"] >= 3 && published_["b"] >= 3 && published_["c"] >= 3;
  };
  loop_->run();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
  for (const auto& stats : scheduler_->stats()) {
    EXPECT_GE(stats.runs, 3U) << stats.instance->id;
    EXPECT_EQ(stats.errors, 0U);
  }
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
class HardToPlease final : public HttpCheck {
 public:
  explicit HardToPlease(const std::string& url) {
    auto request = std::make_shared<net::HttpRequest>();
    request->url = url;
    request_ = std::move(request);
  }
  base::Result<net::HttpRequestPtr> request() override { return request_; }
  base::Result<RunReport> consume(const net::HttpResult& response,
                                  metrics::SampleSink& /*sink*/) override {
    asks_again_ = !asks_again_;
    RunReport report;
    report.body_bytes = response ? response->body_bytes : 0;
    return report;
  }
  [[nodiscard]] bool asks_again() const override { return asks_again_; }

 private:
  net::HttpRequestPtr request_;
  bool asks_again_ = false;
};

TEST_F(SchedulerTest, ARunThatAsksAgainIsOneRun) {
  std::atomic<int> asked{0};
  const auto server =
      net::HttpServer::start({.listen = "127.0.0.1:0"}, [&](const net::ServerRequest&) {
        ++asked;
        return net::ServerReply{.body = "page"};
      }).value();
  make_scheduler();
  scheduler_->add(configured("a", std::make_unique<HardToPlease>(
                                      "http://127.0.0.1:" + std::to_string(server->port()) + "/")));
  stop_when_ = [this] { return published_["a"] == 3; };
  loop_->run();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
  EXPECT_EQ(asked, 6);
  EXPECT_EQ(scheduler_->stats()[0].runs, 3U);
}

TEST_F(SchedulerTest, AnInstanceNeverRunsTwiceAtOnceAndItsSkippedTurnsAreCounted) {
  make_scheduler(4);
  std::atomic<int> inside{0};
  std::atomic<bool> overlapped{false};
  bool set_free = false;
  std::promise<void> release;
  auto released = release.get_future().share();
  scheduler_->add(scripted("slow", [&](metrics::SampleSink&) -> base::Result<RunReport> {
    overlapped = overlapped || ++inside > 1;
    released.wait();
    --inside;
    return RunReport{};
  }));
  scheduler_->add(scripted("quick", [](metrics::SampleSink&) { return RunReport{}; }));
  stop_when_ = [&] {
    if (published_["quick"] >= 5 && !std::exchange(set_free, true)) {
      release.set_value();
    }
    return published_["slow"] >= 1;
  };
  loop_->run();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
  EXPECT_FALSE(overlapped);
  EXPECT_GE(scheduler_->stats()[0].skipped, 1U);
}

TEST_F(SchedulerTest, ABlockingCheckHoldsUpOnlyItsOwnRunner) {
  make_scheduler(2);
  std::promise<void> release;
  auto released = release.get_future().share();
  scheduler_->add(scripted("stuck", [&](metrics::SampleSink&) -> base::Result<RunReport> {
    released.wait();
    return RunReport{};
  }));
  scheduler_->add(scripted("quick", [](metrics::SampleSink&) { return RunReport{}; }));
  stop_when_ = [this] { return published_["quick"] >= 5; };
  loop_->run();
  EXPECT_EQ(published_["stuck"], 0);
  EXPECT_FALSE(scheduler_->stop(milliseconds(1)));
  release.set_value();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
}

TEST_F(SchedulerTest, AStuckCheckKeepsNoRunnerFromTheOthers) {
  scheduler_ = std::make_unique<Scheduler>(
      *loop_, SchedulerOptions{.check_runners = 1, .stuck_after = milliseconds(1)},
      [this](const metrics::Snapshot& snapshot) {
        if (++published_[snapshot.instance->id] >= 3) {
          loop_->stop();
        }
      });
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  for (const char* id : {"stuck1", "stuck2"}) {
    scheduler_->add(scripted(id, [released](metrics::SampleSink&) {
      released.wait();
      return RunReport{};
    }));
  }
  scheduler_->add(scripted("good", [](metrics::SampleSink&) { return RunReport{}; }));
  loop_->run();
  EXPECT_EQ(published_["good"], 3);
  release.set_value();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
}

TEST_F(SchedulerTest, WaitingForARunnerIsNotRunning) {
  make_scheduler(1);
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::atomic<bool> holding{false};
  scheduler_->add(scripted("first", [&](metrics::SampleSink&) {
    holding = true;
    released.wait();
    return RunReport{};
  }));
  constexpr int waited = 10;  // of the intervals, at least
  const auto measure = [&] {
    const auto all = scheduler_->stats();
    EXPECT_GT(all[0].running_for.value_or(seconds(0)), all[0].interval * (waited - 2));
    EXPECT_FALSE(all[1].running_for.has_value());
    release.set_value();
  };
  when([&] { return holding.load(); },
       [&] {
         scheduler_->add(scripted("second", [](metrics::SampleSink&) { return RunReport{}; }));
         when([this] { return scheduler_->stats()[1].skipped >= waited; }, measure);
       });
  stop_when_ = [this] { return published_["second"] >= 1; };
  loop_->run();
  EXPECT_LT(scheduler_->stats()[1].durations.front(), milliseconds(100) * (waited / 2));
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
}

TEST_F(SchedulerTest, AnHttpCheckGetsTheFailureToReachItsTarget) {
  make_scheduler();
  base::Error seen;
  scheduler_->add(configured("http", std::make_unique<ScriptedHttpCheck>(
                                         "http://127.0.0.1:1/",  // nobody listens on tcpmux
                                         [&](const net::HttpResult& response,
                                             metrics::SampleSink&) -> base::Result<RunReport> {
                                           seen = response.error();
                                           return tl::unexpected(response.error());
                                         })));
  stop_when_ = [] { return true; };
  loop_->run();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
  EXPECT_EQ(seen.kind, base::ErrorKind::unreachable);
  EXPECT_EQ(scheduler_->stats()[0].errors, 1U);
  EXPECT_EQ(scheduler_->stats()[0].last_error, seen.message);
}

TEST_F(SchedulerTest, TotalsCountInstancesRunsAndSeries) {
  make_scheduler();
  scheduler_->add(scripted("a", [](metrics::SampleSink& sink) {
    for (const char* name : {"x", "y"}) {
      sink.submit(metrics::Sample{.context = test_context(name), .value = base::Number::of(1)});
    }
    return RunReport{};
  }));
  stop_when_ = [this] { return published_["a"] >= 2; };
  loop_->run();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
  const auto totals = scheduler_->totals();
  EXPECT_EQ(totals.instances, 1U);
  EXPECT_EQ(totals.running, 0U);
  EXPECT_EQ(totals.contexts, 2U);
}

TEST_F(SchedulerTest, AnInstanceThatKeepsFailingSitsOutTurnsAndOthersDoNot) {
  make_scheduler();
  scheduler_->add(scripted("bad", [](metrics::SampleSink&) -> base::Result<RunReport> {
    return base::fail(base::ErrorKind::refused, "no");
  }));
  scheduler_->add(scripted("good", [](metrics::SampleSink&) { return RunReport{}; }));
  stop_when_ = [this] { return published_["good"] >= 15; };
  loop_->run();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
  const auto stats = scheduler_->stats();
  EXPECT_GT(stats[0].sat_out, 0U);
  EXPECT_LT(stats[0].runs + 3, stats[1].runs);
  EXPECT_EQ(stats[0].failed_runs, stats[0].runs);
  EXPECT_EQ(stats[1].sat_out, 0U);
  const CheckTotals totals = scheduler_->by_check().at("scripted");
  EXPECT_EQ(totals.runs, stats[0].runs + stats[1].runs);
  EXPECT_EQ(totals.errors, stats[0].runs);
  EXPECT_EQ(totals.sat_out, stats[0].sat_out);
  EXPECT_EQ(totals.instances, 2U);
  EXPECT_EQ(totals.failing, 1U);
  EXPECT_EQ(scheduler_->totals().failing, 1U);
}

TEST_F(SchedulerTest, ARemovedInstanceIsHeardOfNoMoreAndItsRunsStayCounted) {
  make_scheduler();
  for (const char* id : {"goes", "stays"}) {
    scheduler_->add(scripted(id, [](metrics::SampleSink& sink) {
      sink.submit(metrics::Sample{.context = test_context("x"), .value = base::Number::of(1)});
      return RunReport{};
    }));
  }
  int before = 0;
  stop_when_ = [&] {
    if (before == 0 && published_["goes"] >= 2 && published_["stays"] >= 1) {
      before = published_["goes"];
      loop_->post([this] { EXPECT_TRUE(scheduler_->remove("goes")); });
    }
    return before != 0 && published_["stays"] >= 6;
  };
  loop_->run();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
  EXPECT_LE(published_["goes"], before + 1);  // one can have been on its way
  EXPECT_FALSE(scheduler_->remove("goes"));
  ASSERT_EQ(scheduler_->stats().size(), 1U);
  EXPECT_EQ(scheduler_->stats()[0].instance->id, "stays");
  EXPECT_EQ(scheduler_->totals().contexts, 1U);
  const CheckTotals totals = scheduler_->by_check().at("scripted");
  EXPECT_EQ(totals.instances, 1U);
  EXPECT_EQ(totals.runs, scheduler_->stats()[0].runs + static_cast<unsigned>(published_["goes"]));
}

TEST_F(SchedulerTest, AnInstanceMayGoWhileItsRunGoesOn) {
  make_scheduler(2);
  std::promise<void> release;
  auto released = release.get_future().share();
  std::atomic<bool> began{false};
  scheduler_->add(scripted("stuck", [&](metrics::SampleSink&) -> base::Result<RunReport> {
    began = true;
    released.wait();
    return RunReport{};
  }));
  scheduler_->add(scripted("quick", [](metrics::SampleSink&) { return RunReport{}; }));
  bool removed = false;
  stop_when_ = [&] {
    if (began && !removed) {
      removed = true;
      EXPECT_TRUE(scheduler_->remove("stuck"));
      scheduler_->add(scripted("stuck", [](metrics::SampleSink&) { return RunReport{}; }));
      release.set_value();
    }
    return removed && published_["stuck"] >= 2;
  };
  loop_->run();
  EXPECT_TRUE(scheduler_->stop(seconds(10)));
  EXPECT_EQ(scheduler_->totals().instances, 2U);
}

}  // namespace
}  // namespace heapwatch::check::schedule
