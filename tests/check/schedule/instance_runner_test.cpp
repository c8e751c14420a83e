#include "check/schedule/instance_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "memtrack/memtrack.h"
#include "scripted_check.h"

namespace heapwatch::check::schedule {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::SizeIs;

class InstanceRunnerTest : public testing::Test {
 protected:
  [[nodiscard]] InstanceRunner runner(ScriptedCheck::Script script, bool check_status = false) {
    const auto clock = [this] { return now_; };
    return {scripted("scripted:1", std::move(script)),
            RunnerOptions{
                .clock = clock, .aggregator = {.clock = clock}, .check_status = check_status}};
  }

  base::Instant now_{std::chrono::system_clock::time_point(seconds(1'700'000'000)),
                     std::chrono::steady_clock::time_point(seconds(100))};
};

TEST_F(InstanceRunnerTest, PutsTheRunIntoTheSnapshotAndItsStatistics) {
  InstanceRunner runs = runner([this](metrics::SampleSink& sink) -> base::Result<RunReport> {
    sink.submit(metrics::Sample{.context = test_context("a"), .value = base::Number::of(7)});
    now_.steady += milliseconds(20);
    now_.wall += milliseconds(20);
    return RunReport{.warnings = {"odd"}, .body_bytes = 12, .dropped = {{"limit", 3}}};
  });
  const metrics::Snapshot& snapshot = runs.run();
  EXPECT_EQ(snapshot.instance->id, "scripted:1");
  EXPECT_EQ(snapshot.duration, milliseconds(20));
  EXPECT_FALSE(snapshot.error);
  EXPECT_THAT(snapshot.warnings, ElementsAre("odd"));
  EXPECT_EQ(snapshot.body_bytes, 12U);
  EXPECT_EQ(snapshot.dropped.at("limit"), 3U);
  ASSERT_THAT(snapshot.series, SizeIs(1));
  EXPECT_EQ(snapshot.series[0].value, base::Number::of(7));

  const metrics::RunStats& stats = runs.stats();
  EXPECT_EQ(stats.runs, 1U);
  EXPECT_EQ(stats.errors, 0U);
  EXPECT_EQ(stats.samples, 1U);
  EXPECT_EQ(stats.dropped, 3U);
  EXPECT_EQ(stats.average_duration(), milliseconds(20));
  EXPECT_EQ(stats.last_success, now_.wall);
}

TEST_F(InstanceRunnerTest, AFailedRunKeepsWhatWasSubmittedBeforeAndItsError) {
  InstanceRunner runs = runner([](metrics::SampleSink& sink) -> base::Result<RunReport> {
    sink.submit(metrics::Sample{.context = test_context("a"), .value = base::Number::of(7)});
    return base::fail(base::ErrorKind::unreachable, "nobody there");
  });
  const metrics::Snapshot& snapshot = runs.run();
  EXPECT_EQ(snapshot.error, (base::Error{base::ErrorKind::unreachable, "nobody there"}));
  EXPECT_THAT(snapshot.series, SizeIs(1));
  EXPECT_EQ(runs.stats().errors, 1U);
  EXPECT_EQ(runs.stats().last_error, "nobody there");
  EXPECT_FALSE(runs.stats().last_success);
}

TEST_F(InstanceRunnerTest, ARunThatWorksAgainClearsTheErrorButNotTheCount) {
  bool fails = true;
  InstanceRunner runs = runner([&](metrics::SampleSink&) -> base::Result<RunReport> {
    if (fails) {
      return base::fail(base::ErrorKind::timeout, "too slow");
    }
    return RunReport{};
  });
  runs.run();
  fails = false;
  EXPECT_FALSE(runs.run().error);
  EXPECT_EQ(runs.stats().errors, 1U);
  EXPECT_EQ(runs.stats().last_error, "");
}

TEST_F(InstanceRunnerTest, SubmitsTheCheckStatusWhenAsked) {
  InstanceRunner runs = runner(
      [](metrics::SampleSink&) -> base::Result<RunReport> {
        return base::fail(base::ErrorKind::timeout, "too slow");
      },
      true);
  const metrics::Snapshot& snapshot = runs.run();
  ASSERT_THAT(snapshot.service_checks, SizeIs(1));
  const metrics::ServiceCheck& status = snapshot.service_checks[0];
  EXPECT_EQ(status.name, "datadog.agent.check_status");
  EXPECT_EQ(status.status, metrics::ServiceCheckStatus::critical);
  EXPECT_THAT(status.tags, ElementsAre("check:scripted", "dd_enable_check_intake:true"));
  EXPECT_EQ(status.message, "too slow");
}

TEST_F(InstanceRunnerTest, ARunForWhichMemoryRunsOutFailsAlone) {
  int run = 0;
  InstanceRunner runs = runner([&](metrics::SampleSink& sink) -> base::Result<RunReport> {
    sink.submit(metrics::Sample{.context = test_context("a"),
                                .type = metrics::MetricType::monotonic_counter,
                                .value = base::Number::of(++run)});
    if (run == 2) {
      throw std::bad_alloc();
    }
    return RunReport{};
  });
  runs.run();
  const metrics::Snapshot& failed = runs.run();
  ASSERT_TRUE(failed.error);
  EXPECT_EQ(*failed.error,
            (base::Error{base::ErrorKind::limit, "there was no memory for the run"}));
  EXPECT_EQ(failed.failed_runs, 1U);
  EXPECT_THAT(failed.series, SizeIs(0));
  const metrics::Snapshot& next = runs.run();
  EXPECT_FALSE(next.error);
  ASSERT_THAT(next.series, SizeIs(1));
  EXPECT_EQ(next.series[0].value, base::Number::of(2));  // since the first run
  EXPECT_EQ(runs.stats().errors, 1U);
}

TEST_F(InstanceRunnerTest, TextsOfARunAreCut) {
  bool fails = false;
  InstanceRunner runs = runner([&](metrics::SampleSink&) -> base::Result<RunReport> {
    if (fails) {
      return base::fail(base::ErrorKind::refused, std::string(1'000'000, 'e'));
    }
    return RunReport{.warnings = std::vector<std::string>(1000, std::string(1'000'000, 'w'))};
  });
  const metrics::Snapshot& warned = runs.run();
  ASSERT_THAT(warned.warnings, SizeIs(100));
  EXPECT_EQ(warned.warnings[0], std::string(2048, 'w') + "... (1000000 bytes)");
  EXPECT_EQ(warned.warnings[99], "901 more warnings");
  fails = true;
  EXPECT_EQ(runs.run().error->message, std::string(16'384, 'e') + "... (1000000 bytes)");
}

TEST_F(InstanceRunnerTest, AverageDurationIsOfTheLast32Runs) {
  milliseconds took{1000};
  InstanceRunner runs = runner([&](metrics::SampleSink&) -> base::Result<RunReport> {
    now_.steady += took;
    return RunReport{};
  });
  runs.run();
  took = milliseconds(10);
  for (int i = 0; i < 32; ++i) {
    runs.run();
  }
  EXPECT_EQ(runs.stats().average_duration(), milliseconds(10));
}

TEST_F(InstanceRunnerTest, PutsWhatTheCheckAllocatesDownToIt) {
  void* kept = nullptr;
  InstanceRunner runs = runner([&kept](metrics::SampleSink&) -> base::Result<RunReport> {
    kept = _malloc(100);
    _free(_malloc(20));
    return RunReport{};
  });
  const memtrack_component component =
      memtrack_component_id(("check:" + runs.instance().check_name).c_str());
  const memtrack_counters before = memtrack_component_stats(component);
  const metrics::Snapshot& snapshot = runs.run();
  const memtrack_counters after = memtrack_component_stats(component);
  EXPECT_EQ(after.allocated_bytes - before.allocated_bytes, 120U);
  EXPECT_EQ(after.inuse_bytes - before.inuse_bytes, 100U);
  EXPECT_EQ(memtrack_current_component(), 0U);
  EXPECT_THAT(snapshot.series, SizeIs(0));
  _free(kept);
}

TEST_F(InstanceRunnerTest, TellsWhatARunLeavesBehindWhenAsked) {
  void* kept = nullptr;
  const auto clock = [this] { return now_; };
  InstanceRunner runs(scripted("scripted:1",
                               [&kept](metrics::SampleSink&) -> base::Result<RunReport> {
                                 _free(std::exchange(kept, _malloc(kept == nullptr ? 100 : 30)));
                                 return RunReport{};
                               }),
                      {.clock = clock, .aggregator = {.clock = clock}, .run_memory = true});
  for (const int bytes : {100, 30}) {  // what an earlier run left does not count
    const metrics::Snapshot& snapshot = runs.run();
    ASSERT_THAT(snapshot.series, SizeIs(1));
    EXPECT_EQ(snapshot.series[0].context.name(), "datadog.agent.profile.memory.check_run_alloc");
    EXPECT_THAT(snapshot.series[0].context.tags(),
                ElementsAre("check_name:" + runs.instance().check_name,
                            "check_version:" + runs.instance().check_version));
    EXPECT_EQ(snapshot.series[0].value, base::Number::of(bytes));
  }
  _free(kept);
}

}  // namespace
}  // namespace heapwatch::check::schedule
