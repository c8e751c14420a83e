// Series that come and go, and meet.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "exporter_pages.h"

namespace heapwatch::exporters::prometheus {
namespace {

metrics::Series summary_of_one(const std::string& name, int sample, metrics::Tags tags) {
  metrics::Series made = series(MetricType::histogram, name, 0, std::move(tags));
  made.total.reset();
  made.distribution =
      metrics::Distribution{.run = {Number::of(sample)}, .count = 1, .sum = 1.0 * sample};
  return made;
}

TEST(PrometheusExporter, ShowsTheLastRunOfEachInstanceHoweverSeriesComeAndGo) {
  constexpr int instances = 12;
  PrometheusOptions options;
  options.histogram = {.aggregates = {}, .percentiles = {50}};
  PrometheusExporter exporter(options);
  std::minstd_rand random(7);
  std::vector<metrics::InstancePtr> all;
  for (int i = 0; i < instances; ++i) {
    all.push_back(instance(std::to_string(i)));
  }
  std::vector<std::vector<std::string>> shown(instances);
  for (int step = 0; step < 1500; ++step) {
    const auto i = random() % instances;
    shown[i].clear();
    if (random() % 10 == 0) {
      exporter.forget(*all[i]);
    } else {
      std::vector<metrics::Series> run;
      for (int n = 0; n < 12; ++n) {
        if (random() % 6 == 0) {
          continue;
        }
        const std::string name = "n" + std::to_string(n / 2);
        const std::string label = std::to_string(i) + (n % 2 == 0 ? "" : "odd");
        const std::string value = std::to_string(step);
        if (n < 10) {
          run.push_back(series(MetricType::gauge, name, step, {"i:" + label}));
          shown[i].push_back(name + "{i=\"" + label + "\"} " + value);
        } else {
          run.push_back(summary_of_one(name, step, {"i:" + label}));
          shown[i].push_back(name + "{i=\"" + label + "\",quantile=\"0.5\"} " + value);
          shown[i].push_back(name + "_sum{i=\"" + label + "\"} " + value);
          shown[i].push_back(name + "_count{i=\"" + label + "\"} 1");
        }
      }
      if (random() % 4 == 0) {
        std::shuffle(run.begin(), run.end(), random);
      }
      publish(exporter, snapshot(all[i], std::move(run)));
    }
    std::vector<std::string> expected;
    for (const auto& lines : shown) {
      expected.insert(expected.end(), lines.begin(), lines.end());
    }
    std::vector<std::string> lines;
    std::istringstream page(page_of(exporter));
    for (std::string line; std::getline(page, line);) {
      if (!line.starts_with('#')) {
        lines.push_back(line);
      }
    }
    std::sort(expected.begin(), expected.end());
    std::sort(lines.begin(), lines.end());
    ASSERT_EQ(lines, expected) << step;
  }
}

TEST(PrometheusExporter, OfTwoSeriesOfAnInstanceThatMeetTheOtherStays) {
  const auto self = std::make_shared<SelfMetrics>("1");
  PrometheusOptions options;
  options.self = self;
  PrometheusExporter exporter(options);
  const auto of = instance("a");
  const auto first = series(MetricType::gauge, "x.y", 1);
  const auto second = series(MetricType::gauge, "x_y", 2);
  const std::string head = "# HELP x_y help\n# TYPE x_y gauge\nx_y ";
  publish(exporter, snapshot(of, {first, second}));
  EXPECT_TRUE(page_of(exporter).starts_with(head + "2\n"));
  EXPECT_EQ(dropped(*self), "duplicate 1; ");
  for (int run = 0; run < 20; ++run) {
    publish(exporter, snapshot(of, {first}));
    ASSERT_TRUE(page_of(exporter).starts_with(head + "1\n")) << run;
  }
  publish(exporter, snapshot(of, {second}));
  EXPECT_TRUE(page_of(exporter).starts_with(head + "2\n"));
}

}  // namespace
}  // namespace heapwatch::exporters::prometheus
