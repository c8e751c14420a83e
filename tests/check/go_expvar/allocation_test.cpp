#include <gtest/gtest.h>

#include <new>
#include <string>
#include <vector>

#include "check/go_expvar/page_collector.h"
#include "metrics/aggregator.h"
#include "tests/testing/failing_allocations.h"

namespace heapwatch::check::go_expvar {
namespace {

using heapwatch::tests::allocations;
using heapwatch::tests::FailAllocation;

class CountingSink final : public metrics::SampleSink {
 public:
  void submit(const metrics::Sample& sample) override { sum += sample.value.to_double(); }
  void submit(const metrics::ServiceCheck& /*check*/) override {}
  void submit(const metrics::Event& /*event*/) override {}
  double sum = 0;
};

TEST(PageCollector, AllocatesNothingForAPageItKnows) {
  std::string page = R"({"memstats":{"Alloc":1,"TotalAlloc":1,"Lookups":1,"Mallocs":1,"Frees":1,)"
                     R"("HeapAlloc":1,"HeapSys":1,"HeapIdle":1,"HeapInuse":1,"HeapReleased":1,)"
                     R"("HeapObjects":1,"PauseTotalNs":1,"NumGC":300,"PauseNs":[1)";
  for (int i = 1; i < 256; ++i) {
    page += ",1";
  }
  page += "]},\"routes\":{";
  for (int i = 0; i < 100; ++i) {
    page += (i == 0 ? "\"GET /" : ",\"GET /") + std::to_string(i) + "\":{\"count\":1}";
  }
  page += "}}";
  CollectorOptions options;
  options.metrics.push_back(
      {.path = expvar::parse_path(R"(routes/(?P<method>\w+) .*/count)").value(),
       .type = metrics::MetricType::monotonic_counter,
       .alias = "hits",
       .tags = {"a:b"}});
  PageCollector collector(options);
  CountingSink sink;
  for (int run = 0; run < 3; ++run) {
    const auto report = collector.collect(page, sink);
    ASSERT_TRUE(report && report->warnings.empty());
  }
  const std::size_t before = allocations;
  for (int run = 0; run < 4; ++run) {
    ASSERT_TRUE(collector.collect(page, sink));
  }
  EXPECT_EQ(allocations - before, 0U);
  EXPECT_EQ(sink.sum, 7.0 * (13 + 1 + 100) + 256 + 299 * 7);
}

/// A run over `page`; "name value" of its series.
std::vector<std::string> run_over(PageCollector& collector, metrics::Aggregator& aggregator,
                                  const std::string& page) {
  EXPECT_TRUE(collector.collect(page, aggregator).has_value());
  metrics::Snapshot snapshot;
  aggregator.commit(snapshot);
  std::vector<std::string> lines;
  for (const metrics::Series& series : snapshot.series) {
    lines.push_back(series.context.name() + " " +
                    base::to_text(series.value.value_or(base::Number())));
  }
  return lines;
}

TEST(PageCollector, WhereverMemoryRunsOutTheNextRunIsWhole) {
  CollectorOptions options;
  options.memstats = false;
  options.everything.emplace();
  options.metrics.push_back({.path = expvar::parse_path("(?P<shard>s.*)/n").value(),
                             .type = metrics::MetricType::monotonic_counter,
                             .alias = "n",
                             .tags = {"a:b"}});
  const std::string first = R"({"s1": {"n": 1}, "s2": {"n": 2}, "x": 3, "y": [4, {"z": 5}]})";
  const std::string second = R"({"s1": {"n": 2}, "s3": {"n": 2}, "x": 3, "w": [4, {"z": Inf}]})";
  const std::string third = R"({"s1": {"n": 5}, "s3": {"n": 9}, "x": 3, "v": {"z": 5}})";
  bool has_failed = true;
  for (std::size_t n = 1; has_failed; ++n) {
    SCOPED_TRACE(n);
    PageCollector collector(options);
    metrics::Aggregator aggregator;
    (void)run_over(collector, aggregator, first);
    metrics::Snapshot lost;
    try {
      const FailAllocation failing(n);
      (void)collector.collect(second, aggregator);
      aggregator.commit(lost);
      has_failed = FailAllocation::has_failed();
    } catch (const std::bad_alloc&) {
      aggregator.abandon(lost);
    }
    std::vector<std::string> lines = run_over(collector, aggregator, third);
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_TRUE(lines[0] == "n 3" || lines[0] == "n 4") << lines[0];  // since `second`, or `first`
    EXPECT_EQ(lines[2], "go_expvar.x 3");
    EXPECT_EQ(lines[3], "go_expvar.v.z 5");
  }
}

}  // namespace
}  // namespace heapwatch::check::go_expvar
