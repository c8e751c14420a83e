// Snapshots published in slices.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "exporter_pages.h"
#include "exporters/prometheus/exporter.h"

namespace heapwatch::exporters::prometheus {
namespace {

constexpr int many = 1'000;

std::vector<metrics::Series> numbered(const std::string& name, int from, int to, int value) {
  std::vector<metrics::Series> all;
  for (int i = from; i < to; ++i) {
    all.push_back(series(MetricType::gauge, name + std::to_string(i), value));
  }
  return all;
}

/// In slices, and what is on the page after each but the last.
std::vector<std::string> publish_slices(PrometheusExporter& exporter,
                                        const metrics::Snapshot& snapshot) {
  std::vector<std::string> between;
  const auto publication = exporter.begin(snapshot);
  while (publication->advance()) {
    between.push_back(page_of(exporter));
  }
  return between;
}

TEST(PrometheusSlices, ComeToThePageThatPublishingAtOnceComesTo) {
  PrometheusExporter in_slices;
  PrometheusExporter at_once;
  // The same again, some gone, some new, another order, all gone, and an error.
  std::vector<metrics::Snapshot> runs;
  runs.push_back(snapshot(instance("a"), numbered("x", 0, many, 1)));
  runs.push_back(snapshot(instance("a"), numbered("x", 0, many, 2)));
  runs.push_back(snapshot(instance("a"), numbered("x", 100, many + 100, 3)));
  runs.push_back(snapshot(instance("a"), numbered("x", 50, 500, 4)));
  runs.push_back(snapshot(instance("a"), {}));
  runs.push_back(snapshot(instance("a"), numbered("y", 0, many, 5)));
  runs.push_back(snapshot(instance("a"), numbered("y", 0, many, 6)));
  runs.back().error = base::Error{base::ErrorKind::io, "no"};
  runs.push_back(snapshot(instance("a"), numbered("x", 0, many, 7)));
  for (const metrics::Snapshot& run : runs) {
    publish(at_once, run);
    (void)publish_slices(in_slices, run);
    EXPECT_EQ(page_of(in_slices), page_of(at_once));
  }
}

TEST(PrometheusSlices, ShowNothingBeforeTheLastAndHoldUpNoOtherInstance) {
  PrometheusExporter exporter;
  const auto first = snapshot(instance("a"), numbered("x", 0, many, 1));
  for (const std::string& page : publish_slices(exporter, first)) {
    EXPECT_EQ(page, "");
  }
  const std::string after_first = page_of(exporter);
  const auto second = snapshot(instance("a"), numbered("x", 10, many + 10, 2));
  const auto between = publish_slices(exporter, second);
  EXPECT_GT(between.size(), 3U);
  for (const std::string& page : between) {
    EXPECT_EQ(page, after_first);
  }

  const auto third = snapshot(instance("a"), numbered("x", 10, many + 10, 3));
  const auto publication = exporter.begin(third);
  EXPECT_TRUE(publication->advance());
  publish(exporter, snapshot(instance("b"), {series(MetricType::gauge, "other", 9)}));
  EXPECT_NE(page_of(exporter).find("other 9\n"), std::string::npos);
  EXPECT_NE(page_of(exporter).find("x10 2\n"), std::string::npos);
  while (publication->advance()) {
  }
  EXPECT_NE(page_of(exporter).find("x10 3\n"), std::string::npos);
}

TEST(PrometheusSlices, AnInstanceCanBeForgottenBetweenTwo) {
  PrometheusExporter exporter;
  publish(exporter, snapshot(instance("a"), numbered("x", 0, many, 1)));
  const auto run = snapshot(instance("a"), numbered("x", 500, many + 500, 2));
  auto publication = exporter.begin(run);
  EXPECT_TRUE(publication->advance());
  exporter.forget(*run.instance);
  EXPECT_EQ(page_of(exporter), "");
  EXPECT_FALSE(publication->advance());
  publication.reset();
  while (exporter.tidy()) {
  }
  EXPECT_EQ(page_of(exporter), "");
  // The names are free for another type, and the same instance begins anew.
  publish(exporter, snapshot(instance("a"), {series(MetricType::monotonic_counter, "x700", 3)}));
  EXPECT_NE(page_of(exporter).find("x700_total 3\n"), std::string::npos);
}

TEST(PrometheusSlices, ALargeInstanceThatIsForgottenGoesFromThePageAtOnceAndFromMemoryLater) {
  PrometheusExporter exporter;
  const auto run = snapshot(instance("a"), numbered("x", 0, 5 * many, 1));
  publish(exporter, run);
  exporter.forget(*run.instance);
  EXPECT_EQ(page_of(exporter), "");
  int slices = 1;
  while (exporter.tidy()) {
    ++slices;
  }
  EXPECT_GT(slices, 10);
  publish(exporter, run);
  EXPECT_NE(page_of(exporter).find("x4999 1\n"), std::string::npos);
}

}  // namespace
}  // namespace heapwatch::exporters::prometheus
