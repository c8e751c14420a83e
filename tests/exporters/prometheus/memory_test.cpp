// What a series costs on the page.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "exporter_pages.h"
#include "tests/testing/allocated_bytes.h"

namespace heapwatch::exporters::prometheus {
namespace {

constexpr int targets = 200;
constexpr int series_of_each = 30;
// About 80 with what the target itself costs: its texts of labels and its six series.
constexpr std::size_t bytes_max = 95;

metrics::Snapshot snapshot_of(int target) {
  std::vector<metrics::Series> all;
  all.reserve(series_of_each);
  for (int i = 0; i < series_of_each; ++i) {
    all.push_back(series(MetricType::gauge, "requests_by_route.value" + std::to_string(i), i,
                         {"expvar_url:http://10.0.0." + std::to_string(target) + ":6060/debug/vars",
                          "environment:production-of-the-eastern-region"}));
  }
  return snapshot(instance("go_expvar:" + std::to_string(target)), std::move(all));
}

TEST(PrometheusExporter, SeriesOfATargetShareTheTextOfTheirLabels) {
  std::vector<metrics::Snapshot> snapshots;  // contexts are not what is measured
  snapshots.reserve(targets + 1);
  for (int target = 0; target <= targets; ++target) {
    snapshots.push_back(snapshot_of(target));
  }
  PrometheusExporter exporter;
  ASSERT_TRUE(exporter.publish(snapshots[0]));  // the families
  const std::size_t before = heapwatch::tests::allocated_bytes();
  for (int target = 1; target <= targets; ++target) {
    ASSERT_TRUE(exporter.publish(snapshots[static_cast<std::size_t>(target)]));
  }
  const std::size_t held = heapwatch::tests::allocated_bytes() - before;
  EXPECT_LT(held / (std::size_t{targets} * series_of_each), bytes_max);
  for (int target = 0; target <= targets; ++target) {
    exporter.forget(*snapshots[static_cast<std::size_t>(target)].instance);
  }
  EXPECT_EQ(exporter.render("").body, "");
  EXPECT_LT(heapwatch::tests::allocated_bytes(), before);
}

}  // namespace
}  // namespace heapwatch::exporters::prometheus
