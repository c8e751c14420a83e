// Memory that runs out while a run is put on the page.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "base/remembered.h"
#include "exporter_pages.h"
#include "tests/testing/failing_allocations.h"

namespace heapwatch::exporters::prometheus {
namespace {

using heapwatch::tests::FailAllocation;

/// Each kind of series, and service checks; `round` says which of them are there.
metrics::Snapshot run_of(int round) {
  std::vector<metrics::Series> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(series(i % 2 == 0 ? MetricType::gauge : MetricType::rate,
                         "a.name_that_is_not_short" + std::to_string(i + 2 * round), i,
                         {"tag:that_is_not_short_either", "i:" + std::to_string(i % 3)}));
  }
  metrics::Series histogram;
  histogram.context = metrics::make_context(
      {.name = "a.pauses" + std::to_string(round), .tags = {}, .host = {}, .help = "help"});
  histogram.type = MetricType::histogram;
  histogram.distribution = metrics::Distribution{.run = {Number::of(3)}, .count = 1, .sum = 3};
  all.push_back(std::move(histogram));
  // Its name is taken.
  all.push_back(series(MetricType::rate, "a.name_that_is_not_short2", 1));
  metrics::Snapshot made = snapshot(instance("a"), std::move(all));
  made.service_checks.push_back({.name = "a.can_connect",
                                 .tags = {"round:" + std::to_string(round)},
                                 .host = {},
                                 .message = {}});
  return made;
}

std::vector<std::string> sorted_lines(const std::string& page) {
  std::vector<std::string> lines;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

void begin(PrometheusExporter& exporter) {
  publish(exporter, snapshot(instance("other"), {series(MetricType::gauge, "other", 7)}));
  publish(exporter, run_of(0));
}

constexpr const char* page_of_the_other = "# HELP other help\n# TYPE other gauge\nother 7\n";

void publish_at_once(PrometheusExporter& exporter, const metrics::Snapshot& run) {
  (void)exporter.publish(run);
}

void publish_in_slices(PrometheusExporter& exporter, const metrics::Snapshot& run) {
  const auto publication = exporter.begin(run);
  while (publication && publication->advance()) {
  }
}

/// The `n`-th allocation of the second run fails, for each n.
void expect_one_lost_run(void (*publish_one)(PrometheusExporter&, const metrics::Snapshot&)) {
  PrometheusExporter undisturbed;
  begin(undisturbed);
  publish(undisturbed, run_of(1));
  const auto expected = sorted_lines(undisturbed.render("").body);
  const metrics::Snapshot second = run_of(1);
  bool has_failed = true;
  int lost = 0;
  for (std::size_t n = 1; has_failed; ++n) {
    SCOPED_TRACE(n);
    PrometheusExporter exporter;
    begin(exporter);
    {
      const FailAllocation failing(n);
      publish_one(exporter, second);
      has_failed = FailAllocation::has_failed();
    }
    if (exporter.lost() > 0) {
      ++lost;
      EXPECT_EQ(exporter.lost(), 1U);
      EXPECT_EQ(page_of(exporter), page_of_the_other);
      EXPECT_NE(
          exporter.render("").body.find(R"(heapwatch_target_up{check="go_expvar",check_id="a"} 0)"),
          std::string::npos);
    } else {
      EXPECT_EQ(sorted_lines(exporter.render("").body), expected);
    }
    publish(exporter, run_of(1));
    EXPECT_EQ(sorted_lines(exporter.render("").body), expected);
    exporter.forget(*instance("a"));
    exporter.forget(*instance("other"));
    while (exporter.tidy()) {
    }
    EXPECT_EQ(exporter.render("").body, "");
  }
  EXPECT_GT(lost, 50);
}

TEST(PrometheusExporter, WhereverMemoryRunsOutOnlyThatTargetLeavesThePageUntilItsNextRun) {
  expect_one_lost_run(publish_at_once);
}

TEST(PrometheusSlices, WhereverMemoryRunsOutOnlyThatTargetLeavesThePageUntilItsNextRun) {
  expect_one_lost_run(publish_in_slices);
}

TEST(PrometheusExporter, OfVeryManySeriesThatWentFewNamesAreKept) {
  PrometheusExporter exporter;
  std::size_t most = 0;
  for (int run = 0; run < 12; ++run) {
    std::vector<metrics::Series> fresh;
    for (int i = 0; i < 300; ++i) {
      fresh.push_back(series(MetricType::gauge,
                             std::to_string(run) + "_" + std::to_string(i) + std::string(900, 'x'),
                             i));
    }
    publish(exporter, snapshot(instance("a"), std::move(fresh)));
    most = std::max(most, base::remembered().bytes.load());
  }
  // What is there, and the four runs before it: some 12 KB for each name of 900 bytes.
  EXPECT_LT(most, std::size_t{5} * 300 * 14'000);
}

TEST(PrometheusExporter, WhatItKeepsIsRememberedAndGivenBack) {
  const std::size_t before = base::remembered().bytes.load();
  std::vector<metrics::Snapshot> runs;
  for (int run = 0; run < 2; ++run) {
    std::vector<metrics::Series> all;
    for (int i = 0; i < 300; ++i) {
      all.push_back(series(MetricType::gauge, std::to_string(run) + "_" + std::to_string(i), i));
    }
    runs.push_back(snapshot(instance("a"), std::move(all)));
  }
  {
    PrometheusExporter first;  // what a process has once, it keeps
    publish(first, runs[0]);
  }
  const std::size_t contexts = base::remembered().bytes.load();
  {
    PrometheusExporter exporter;
    publish(exporter, runs[0]);
    const std::size_t one_run = base::remembered().bytes.load() - contexts;
    EXPECT_GT(one_run, std::size_t{300} * 400);
    publish(exporter, runs[1]);
    EXPECT_GT(base::remembered().bytes.load() - contexts, one_run * 3 / 2);
    // While the process remembers enough, nothing is kept of what is gone.
    base::remembered().bytes_max = 1;
    publish(exporter, runs[0]);
    publish(exporter, runs[0]);
    base::remembered().bytes_max = std::size_t{1} << 30U;
    while (exporter.tidy()) {
    }
    EXPECT_LT(base::remembered().bytes.load() - contexts, one_run * 5 / 4);
  }
  EXPECT_EQ(base::remembered().bytes.load(), contexts);
  runs.clear();
  EXPECT_LE(base::remembered().bytes.load(), before + 4096);
}

}  // namespace
}  // namespace heapwatch::exporters::prometheus
