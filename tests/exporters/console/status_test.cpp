#include "exporters/console/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "exporters/console/json.h"

namespace heapwatch::exporters::console {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::sys_seconds began{std::chrono::seconds{1'735'787'045}};

metrics::Snapshot run(std::uint64_t samples, milliseconds duration = milliseconds{5}) {
  metrics::Snapshot made;
  made.instance = std::make_shared<metrics::Instance>(metrics::Instance{
      "go_expvar", "5.0.1", "go_expvar:datadog.agent:1f2e", "file:/etc/conf.yaml", ""});
  made.time.wall = began;
  made.samples = samples;
  made.duration = duration;
  return made;
}

metrics::Snapshot failed() {
  metrics::Snapshot made = run(0);
  made.error = base::Error{base::ErrorKind::refused, "no\nand here is why"};
  made.time.wall += std::chrono::seconds{15};
  return made;
}

TEST(RenderStatusHeading, UnderlinesTheCheck) {
  EXPECT_EQ(render_status_heading(*run(0).instance),
            "    go_expvar (5.0.1)\n    -----------------\n");
  EXPECT_EQ(render_status_heading({"x", "", "", "", ""}), "    x\n    -\n");
}

TEST(RenderStatusBlock, ShowsAGoodRun) {
  metrics::RunStats status;
  status.add(run(1231));
  status.add(run(21, milliseconds{8}));
  EXPECT_EQ(render_status_block(status),
            "      Instance ID: go_expvar:datadog.agent:1f2e [OK]\n"
            "      Configuration Source: file:/etc/conf.yaml\n"
            "      Total Runs: 2\n"
            "      Metric Samples: Last Run: 21, Total: 1,252\n"
            "      Events: Last Run: 0, Total: 0\n"
            "      Service Checks: Last Run: 0, Total: 0\n"
            "      Average Execution Time : 6ms\n"
            "      Last Execution Date : 2025-01-02 03:04:05 UTC (1735787045000)\n"
            "      Last Successful Execution Date : 2025-01-02 03:04:05 UTC (1735787045000)\n");
}

TEST(RenderStatusBlock, AnErrorWinsOverWarnings) {
  metrics::RunStats status;
  status.add(run(21));
  metrics::Snapshot bad = failed();
  bad.warnings = {"careful"};
  status.add(bad);
  EXPECT_EQ(render_status_block(status),
            "      Instance ID: go_expvar:datadog.agent:1f2e [ERROR]\n"
            "      Configuration Source: file:/etc/conf.yaml\n"
            "      Total Runs: 2\n"
            "      Metric Samples: Last Run: 21, Total: 21\n"
            "      Events: Last Run: 0, Total: 0\n"
            "      Service Checks: Last Run: 0, Total: 0\n"
            "      Average Execution Time : 5ms\n"
            "      Last Execution Date : 2025-01-02 03:04:20 UTC (1735787060000)\n"
            "      Last Successful Execution Date : 2025-01-02 03:04:05 UTC (1735787045000)\n"
            "      Error: no\n"
            "      and here is why\n"
            "      Warning: careful\n");
}

TEST(RenderStatusBlock, SaysWhenARunDoesNotEnd) {
  metrics::RunStats status;
  status.add(run(21));
  status.interval = std::chrono::seconds{15};
  status.skipped = 4;
  status.running_for = std::chrono::seconds{15};
  EXPECT_THAT(render_status_block(status), testing::HasSubstr("[OK]\n"));
  status.running_for = milliseconds{75'900};
  EXPECT_THAT(render_status_block(status),
              testing::AllOf(testing::HasSubstr("[RUNNING]\n"),
                             testing::HasSubstr("      Running For: 75s, Turns Skipped: 4\n")));
}

TEST(RenderStatusBlock, SaysNeverBeforeAnythingHappened) {
  metrics::RunStats status;
  status.instance = run(0).instance;
  EXPECT_EQ(render_status_block(status),
            "      Instance ID: go_expvar:datadog.agent:1f2e [NOT RUN]\n"
            "      Configuration Source: file:/etc/conf.yaml\n"
            "      Total Runs: 0\n"
            "      Metric Samples: Last Run: 0, Total: 0\n"
            "      Events: Last Run: 0, Total: 0\n"
            "      Service Checks: Last Run: 0, Total: 0\n"
            "      Average Execution Time : 0ms\n"
            "      Last Execution Date : Never\n"
            "      Last Successful Execution Date : Never\n");
}

TEST(RenderStatusBlock, ColoursTheVerdictWhenAsked) {
  const auto verdict = [](const metrics::Snapshot& what) {
    metrics::RunStats status;
    status.add(what);
    const std::string block = render_status_block(status, {.colour = true});
    return block.substr(block.find('['), block.find('\n') - block.find('['));
  };
  metrics::Snapshot warned = run(1);
  warned.warnings = {"careful"};
  EXPECT_EQ(verdict(run(1)), "[\x1b[32mOK\x1b[0m]");
  EXPECT_EQ(verdict(warned), "[\x1b[33mWARNING\x1b[0m]");
  EXPECT_EQ(verdict(failed()), "[\x1b[31mERROR\x1b[0m]");
}

TEST(RecordRun, ForgetsTheErrorAndTheWarningsOfTheRunBefore) {
  metrics::RunStats status;
  metrics::Snapshot bad = failed();
  bad.warnings = {"careful"};
  status.add(bad);
  status.add(run(1));
  EXPECT_EQ(status.last_error, "");
  EXPECT_TRUE(status.last_warnings.empty());
  EXPECT_EQ(status.errors, 1U);
  EXPECT_EQ(status.warnings, 1U);
}

TEST(AverageDuration, IsOverThirtyTwoRuns) {
  metrics::RunStats status;
  status.add(run(1, milliseconds{1'000'000}));
  for (int i = 0; i < 32; ++i) {
    status.add(run(1, milliseconds{i % 2 == 0 ? 10 : 20}));
  }
  EXPECT_EQ(status.average_duration(), milliseconds{15});
}

TEST(RenderStatusJson, HasTheNamesOfTheAgent) {
  metrics::RunStats status;
  status.add(run(21));
  metrics::Snapshot bad = failed();
  bad.warnings = {"careful"};
  bad.events.emplace_back();
  status.add(bad);
  Json json;
  append_status(json, status);
  EXPECT_EQ(json.take(), R"({
  "CheckName": "go_expvar",
  "CheckVersion": "5.0.1",
  "CheckConfigSource": "file:/etc/conf.yaml",
  "CheckID": "go_expvar:datadog.agent:1f2e",
  "TotalRuns": 2,
  "TotalErrors": 1,
  "TotalWarnings": 1,
  "FailedRunsInARow": 1,
  "TurnsSatOut": 0,
  "TurnsSkipped": 0,
  "MetricSamples": 21,
  "Events": 1,
  "ServiceChecks": 0,
  "TotalMetricSamples": 21,
  "TotalEvents": 1,
  "TotalServiceChecks": 0,
  "ExecutionTimes": [
    5,
    5
  ],
  "AverageExecutionTime": 5,
  "LastExecutionTime": 5,
  "LastExecutionDate": 1735787060000,
  "LastSuccessDate": 1735787045000,
  "LastError": "no\nand here is why",
  "LastWarnings": [
    "careful"
  ]
})");
}

}  // namespace
}  // namespace heapwatch::exporters::console
