// What a target costs while it waits for its turn.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "check/go_expvar/page_collector.h"
#include "check/instance_runner.h"
#include "tests/check/scripted_check.h"
#include "tests/testing/allocated_bytes.h"

namespace heapwatch::check::go_expvar {
namespace {

constexpr int targets = 200;
constexpr int series_of_each = 30;
// About 720, or 790 as the thread sanitizer counts; with names and tags of its own 1,120.
constexpr std::size_t bytes_max = 900;

CollectorOptions options_of(int target) {
  CollectorOptions options;
  options.memstats = false;
  options.tags = {"expvar_url:http://10.0.0." + std::to_string(target) + ":6060/debug/vars",
                  "environment:production-of-the-eastern-region"};
  for (int i = 0; i < series_of_each; ++i) {
    options.metrics.push_back(
        {.path = parse_path("requests_by_route/value" + std::to_string(i)).value(),
         .type = metrics::MetricType::gauge,
         .alias = std::nullopt,
         .tags = {}});
  }
  return options;
}

TEST(PageCollector, ThousandsOfTargetsShareTheirNamesAndTags) {
  std::string page = R"({"requests_by_route":{"value0":0)";
  for (int i = 1; i < series_of_each; ++i) {
    page += ",\"value" + std::to_string(i) + "\":" + std::to_string(i);
  }
  page += "}}";
  metrics::Snapshot snapshot;
  const auto add = [&](std::vector<std::unique_ptr<InstanceRunner>>& all, int target) {
    auto collector = std::make_shared<PageCollector>(options_of(target));
    all.push_back(
        std::make_unique<InstanceRunner>(scripted("scripted:" + std::to_string(target),
                                                  [collector, &page](metrics::SampleSink& sink) {
                                                    return collector->collect(page, sink);
                                                  }),
                                         RunnerOptions{}));
    for (int run = 0; run < 3; ++run) {
      all.back()->finish(all.back()->now(), all.back()->run_check(), snapshot);
      ASSERT_EQ(snapshot.series.size(), static_cast<std::size_t>(series_of_each));
      ASSERT_TRUE(snapshot.warnings.empty());
    }
  };
  std::vector<std::unique_ptr<InstanceRunner>> runners;
  add(runners, 0);  // what all share, and the buffers of this thread
  const std::size_t before = heapwatch::testing_support::allocated_bytes();
  for (int target = 1; target <= targets; ++target) {
    add(runners, target);
  }
  const std::size_t held = heapwatch::testing_support::allocated_bytes() - before;
  EXPECT_LT(held / (std::size_t{targets} * series_of_each), bytes_max);
}

}  // namespace
}  // namespace heapwatch::check::go_expvar
