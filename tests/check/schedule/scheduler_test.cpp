#include "check/schedule/scheduler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>

#include "scheduler_fixture.h"

namespace heapwatch::check::schedule {
namespace {

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
