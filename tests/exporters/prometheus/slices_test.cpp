// Snapshots published in slices.
#include <gtest/gtest.h>

#include <algorithm>
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

/// Each is one of the two, and none is the first after one was the second.
void expect_one_change(const std::vector<std::string>& pages, const std::string& before,
                       const std::string& after) {
  const auto changed = std::find(pages.begin(), pages.end(), after);
  EXPECT_GT(changed - pages.begin(), 3);
  EXPECT_GT(pages.end() - changed, 3);
  EXPECT_EQ(std::count(pages.begin(), changed, before), changed - pages.begin());
  EXPECT_EQ(std::count(changed, pages.end(), after), pages.end() - changed);
}

TEST(PrometheusSlices, ChangeThePageInOneStepAndHoldUpNoOtherInstance) {
  PrometheusExporter exporter;
  const auto first = snapshot(instance("a"), numbered("x", 0, many, 1));
  const auto pages = publish_slices(exporter, first);
  const std::string after_first = page_of(exporter);
  expect_one_change(pages, "", after_first);
  // The same series, then some gone and some new, then none.
  std::string before = after_first;
  const auto same = snapshot(instance("a"), numbered("x", 0, many, 2));
  const auto second = snapshot(instance("a"), numbered("x", 10, many + 10, 2));
  auto failed = snapshot(instance("a"), {});
  failed.error = base::Error{base::ErrorKind::io, "no"};
  const auto again = snapshot(instance("a"), numbered("x", 10, many + 10, 2));
  const std::vector<const metrics::Snapshot*> runs{&same, &second, &failed, &again};
  for (const metrics::Snapshot* const run : runs) {
    const auto between = publish_slices(exporter, *run);
    const std::string after = page_of(exporter);
    EXPECT_NE(after, before);
    expect_one_change(between, before, after);
    before = after;
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

TEST(PrometheusSlices, WithSeriesOfAnotherInstanceOnTheSameLinesOneOfBothIsShown) {
  constexpr int few = 300;
  PrometheusExporter exporter;
  publish(exporter, snapshot(instance("a"), numbered("x", 0, few, 1)));
  for (int stop = 1;; ++stop) {
    const auto run = snapshot(instance("b"), numbered("x", 0, few, 2));
    auto publication = exporter.begin(run);
    bool goes_on = true;
    for (int i = 0; i < stop && goes_on; ++i) {
      goes_on = publication->advance();
    }
    // In between, the other instance is published, or this one goes.
    publish(exporter, snapshot(instance("a"), numbered("x", 0, few, 3)));
    const std::string page = page_of(exporter);
    EXPECT_EQ(std::count(page.begin(), page.end(), '\n'), 3 * few);
    if (stop % 2 == 0) {
      while (goes_on) {
        goes_on = publication->advance();
      }
    }
    exporter.forget(*run.instance);
    publication.reset();
    publish(exporter, snapshot(instance("a"), numbered("x", 0, few, 4)));
    const std::string alone = page_of(exporter);
    EXPECT_EQ(std::count(alone.begin(), alone.end(), '\n'), 3 * few);
    EXPECT_NE(alone.find("x7 4\n"), std::string::npos);
    if (stop % 2 == 1 && !goes_on) {
      break;
    }
  }
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
