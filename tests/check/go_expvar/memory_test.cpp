// What a target costs while it waits for its turn.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "check/go_expvar/page_collector.h"
#include "metrics/aggregator.h"
#include "tests/testing/allocated_bytes.h"

namespace heapwatch::check::go_expvar {
namespace {

constexpr int targets = 200;
constexpr int series_of_each = 30;
// 41, of which 24 are the aggregator's for a gauge; the rest is what an instance costs.
constexpr std::size_t bytes_max = 50;

CollectorOptions options_of(int target) {
  CollectorOptions options;
  options.memstats = false;
  options.tags = {"expvar_url:http://10.0.0." + std::to_string(target) + ":6060/debug/vars",
                  "environment:production-of-the-eastern-region"};
  for (int i = 0; i < series_of_each; ++i) {
    options.metrics.push_back(
        {.path = expvar::parse_path("requests_by_route/value" + std::to_string(i)).value(),
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
  struct Instance {
    explicit Instance(int target) : collector(options_of(target)) {}
    PageCollector collector;
    metrics::Aggregator aggregator;
  };
  metrics::Snapshot snapshot;
  const auto add = [&](std::vector<std::unique_ptr<Instance>>& all, int target) {
    all.push_back(std::make_unique<Instance>(target));
    for (int run = 0; run < 3; ++run) {
      const auto report = all.back()->collector.collect(page, all.back()->aggregator);
      ASSERT_TRUE(report && report->warnings.empty());
      all.back()->aggregator.commit(snapshot);
      ASSERT_EQ(snapshot.series.size(), static_cast<std::size_t>(series_of_each));
    }
  };
  std::vector<std::unique_ptr<Instance>> instances;
  instances.reserve(targets + 1);
  add(instances, 0);  // what all share, and the buffers of this thread
  const std::size_t before = heapwatch::tests::allocated_bytes();
  for (int target = 1; target <= targets; ++target) {
    add(instances, target);
  }
  const std::size_t held = heapwatch::tests::allocated_bytes() - before;
  EXPECT_LT(held / (std::size_t{targets} * series_of_each), bytes_max);
}

}  // namespace
}  // namespace heapwatch::check::go_expvar
