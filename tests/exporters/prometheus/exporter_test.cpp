// The page, in both formats.
#include "exporters/prometheus/exporter.h"

#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "exporter_pages.h"

namespace heapwatch::exporters::prometheus {
namespace {

TEST(PrometheusExporter, TheFirstPageIsEmpty) {
  const PrometheusExporter exporter;
  EXPECT_EQ(exporter.render("").body, "");
  EXPECT_EQ(exporter.render("").content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(exporter.render(openmetrics).body, "# EOF\n");
}

TEST(PrometheusExporter, TypesMapToTheTypesOfPrometheusInBothFormats) {
  PrometheusExporter exporter;
  metrics::Series set = series(MetricType::set, "set", 0);
  set.total.reset();
  set.value = Number::of(3);
  metrics::Series counted = series(MetricType::count, "count", 14);
  counted.value = Number::of(4);
  publish(exporter,
          snapshot(
              instance("a"),
              {series(MetricType::gauge, "datadog.agent.rtloader.inusebytes", 10),
               series(MetricType::rate, "rate", 12),
               series(MetricType::monotonic_counter, "datadog.agent.rtloader.allocatedbytes",
                      Number::of(std::numeric_limits<std::uint64_t>::max())),
               std::move(counted), series(MetricType::counter, "jobs.total", 16), std::move(set)}));
  EXPECT_EQ(page_of(exporter),
            "# HELP datadog_agent_rtloader_inusebytes help\n"
            "# TYPE datadog_agent_rtloader_inusebytes gauge\n"
            "datadog_agent_rtloader_inusebytes 10\n"
            "# HELP rate_total help\n"
            "# TYPE rate_total counter\n"
            "rate_total 12\n"
            "# HELP datadog_agent_rtloader_allocatedbytes_total help\n"
            "# TYPE datadog_agent_rtloader_allocatedbytes_total counter\n"
            "datadog_agent_rtloader_allocatedbytes_total 18446744073709551615\n"
            "# HELP count_total help\n"
            "# TYPE count_total counter\n"
            "count_total 14\n"
            "# HELP jobs_total help\n"
            "# TYPE jobs_total counter\n"
            "jobs_total 16\n"
            "# HELP set help\n"
            "# TYPE set gauge\n"
            "set 3\n");
  EXPECT_EQ(page_of(exporter, openmetrics),
            "# HELP datadog_agent_rtloader_inusebytes help\n"
            "# TYPE datadog_agent_rtloader_inusebytes gauge\n"
            "datadog_agent_rtloader_inusebytes 10\n"
            "# HELP rate help\n"
            "# TYPE rate counter\n"
            "rate_total 12\n"
            "# HELP datadog_agent_rtloader_allocatedbytes help\n"
            "# TYPE datadog_agent_rtloader_allocatedbytes counter\n"
            "datadog_agent_rtloader_allocatedbytes_total 18446744073709551615\n"
            "# HELP count help\n"
            "# TYPE count counter\n"
            "count_total 14\n"
            "# HELP jobs help\n"
            "# TYPE jobs counter\n"
            "jobs_total 16\n"
            "# HELP set help\n"
            "# TYPE set gauge\n"
            "set 3\n"
            "# EOF\n");
}

TEST(PrometheusExporter, WithoutSuffixesTheTextFormatKeepsTheNames) {
  PrometheusOptions options;
  options.suffixes = false;
  PrometheusExporter exporter(options);
  publish(exporter, snapshot(instance("a"), {series(MetricType::rate, "x", 1),
                                             series(MetricType::rate, "y.total", 2)}));
  EXPECT_EQ(page_of(exporter),
            "# HELP x help\n# TYPE x counter\nx 1\n"
            "# HELP y_total help\n# TYPE y_total counter\ny_total 2\n");
  EXPECT_EQ(page_of(exporter, openmetrics),
            "# HELP x help\n# TYPE x counter\nx_total 1\n"
            "# HELP y help\n# TYPE y counter\ny_total 2\n# EOF\n");
}

TEST(PrometheusExporter, AGaugeMayEndInTotal) {
  PrometheusExporter exporter;
  publish(exporter, snapshot(instance("a"), {series(MetricType::gauge, "x.total", 1)}));
  EXPECT_EQ(page_of(exporter, openmetrics),
            "# HELP x_total help\n# TYPE x_total gauge\nx_total 1\n# EOF\n");
}

TEST(PrometheusExporter, AHistogramIsASummaryOfTheRunWithCountsSinceItBegan) {
  PrometheusExporter exporter;
  metrics::Series pause = series(MetricType::histogram, "pause", 0, {"a:b"});
  pause.total.reset();
  pause.distribution = metrics::Distribution{
      .run = {Number::of(3), Number::of(1), Number::of(2.5)}, .count = 10, .sum = 77.5};
  metrics::Snapshot run = snapshot(instance("a"), {pause});
  publish(exporter, run);
  EXPECT_EQ(page_of(exporter),
            "# HELP pause help\n"
            "# TYPE pause summary\n"
            "pause{a=\"b\",quantile=\"0.5\"} 2.5\n"
            "pause{a=\"b\",quantile=\"0.95\"} 3\n"
            "pause{a=\"b\",quantile=\"1.0\"} 3\n"
            "pause_sum{a=\"b\"} 77.5\n"
            "pause_count{a=\"b\"} 10\n");
  run.series[0].distribution->run.clear();
  publish(exporter, run);
  EXPECT_EQ(page_of(exporter),
            "# HELP pause help\n"
            "# TYPE pause summary\n"
            "pause{a=\"b\",quantile=\"0.5\"} NaN\n"
            "pause{a=\"b\",quantile=\"0.95\"} NaN\n"
            "pause{a=\"b\",quantile=\"1.0\"} NaN\n"
            "pause_sum{a=\"b\"} 77.5\n"
            "pause_count{a=\"b\"} 10\n");
}

TEST(PrometheusExporter, QuantilesAreThoseOfTheHistogramOptions) {
  PrometheusOptions options;
  options.histogram = {.aggregates = {"min", "avg"}, .percentiles = {99, 0, 50}};
  PrometheusExporter exporter(options);
  metrics::Series pause = series(MetricType::historate, "pause", 0);
  pause.total.reset();
  pause.distribution = metrics::Distribution{
      .run = {Number::of(1), Number::of(2), Number::of(3)}, .count = 3, .sum = 6};
  publish(exporter, snapshot(instance("a"), {pause}));
  EXPECT_EQ(page_of(exporter),
            "# HELP pause help\n"
            "# TYPE pause summary\n"
            "pause{quantile=\"0.0\"} 1\n"
            "pause{quantile=\"0.5\"} 2\n"
            "pause{quantile=\"0.99\"} 3\n"
            "pause_sum 6\n"
            "pause_count 3\n");
}

TEST(PrometheusExporter, ValuesAreExactAndShortest) {
  PrometheusExporter exporter;
  publish(exporter,
          snapshot(
              instance("a"),
              {series(MetricType::gauge, "a", Number::of(0.1 + 0.2)),
               series(MetricType::gauge, "b", Number::of(std::int64_t{-9007199254740993})),
               series(MetricType::gauge, "c", Number::of(std::numeric_limits<double>::quiet_NaN())),
               series(MetricType::gauge, "d", Number::of(std::numeric_limits<double>::infinity())),
               series(MetricType::gauge, "e", Number::of(-std::numeric_limits<double>::infinity())),
               series(MetricType::gauge, "f", Number::of(1e22))}));
  EXPECT_EQ(page_of(exporter),
            "# HELP a help\n# TYPE a gauge\na 0.30000000000000004\n"
            "# HELP b help\n# TYPE b gauge\nb -9007199254740993\n"
            "# HELP c help\n# TYPE c gauge\nc NaN\n"
            "# HELP d help\n# TYPE d gauge\nd +Inf\n"
            "# HELP e help\n# TYPE e gauge\ne -Inf\n"
            "# HELP f help\n# TYPE f gauge\nf 1e+22\n");
}

TEST(PrometheusExporter, HelpIsEscapedPerFormatAndFallsBackToTheName) {
  PrometheusExporter exporter;
  metrics::Series nasty = series(MetricType::gauge, "a", 1);
  nasty.context =
      metrics::make_context({.name = "a", .tags = {}, .host = {}, .help = "a \"b\" \\ c\nd \xFF"});
  metrics::Series bare = series(MetricType::gauge, "b.c", 2);
  bare.context = metrics::make_context({.name = "b.c", .tags = {}, .host = {}, .help = {}});
  publish(exporter, snapshot(instance("a"), {nasty, bare}));
  EXPECT_EQ(page_of(exporter),
            "# HELP a a \"b\" \\\\ c\\nd \xEF\xBF\xBD\n# TYPE a gauge\na 1\n"
            "# HELP b_c b.c\n# TYPE b_c gauge\nb_c 2\n");
  EXPECT_EQ(page_of(exporter, openmetrics),
            "# HELP a a \\\"b\\\" \\\\ c\\nd \xEF\xBF\xBD\n# TYPE a gauge\na 1\n"
            "# HELP b_c b.c\n# TYPE b_c gauge\nb_c 2\n# EOF\n");
}

TEST(PrometheusExporter, AFamilyIsOneGroupAcrossInstances) {
  PrometheusExporter exporter;
  publish(exporter, snapshot(instance("a"), {series(MetricType::gauge, "x", 1, {"url:a"}),
                                             series(MetricType::gauge, "y", 2, {"url:a"})}));
  publish(exporter, snapshot(instance("b"), {series(MetricType::gauge, "y", 3, {"url:b"}),
                                             series(MetricType::gauge, "x", 4, {"url:b"})}));
  EXPECT_EQ(page_of(exporter),
            "# HELP x help\n# TYPE x gauge\nx{url=\"a\"} 1\nx{url=\"b\"} 4\n"
            "# HELP y help\n# TYPE y gauge\ny{url=\"a\"} 2\ny{url=\"b\"} 3\n");
}

TEST(PrometheusExporter, PublishingAgainReplacesTheSeriesOfTheInstance) {
  PrometheusExporter exporter;
  const auto of = instance("a");
  const auto x = series(MetricType::gauge, "x", 1);
  const auto y = series(MetricType::gauge, "y", 2);
  auto changed = x;
  changed.total = Number::of(7);
  publish(exporter, snapshot(of, {x, y}));
  publish(exporter, snapshot(of, {changed}));
  EXPECT_EQ(page_of(exporter), "# HELP x help\n# TYPE x gauge\nx 7\n");
  publish(exporter, snapshot(of, {y, x}));
  EXPECT_EQ(page_of(exporter),
            "# HELP x help\n# TYPE x gauge\nx 1\n# HELP y help\n# TYPE y gauge\ny 2\n");
  publish(exporter, snapshot(of, {}));
  EXPECT_EQ(page_of(exporter), "");
}

TEST(PrometheusExporter, SeriesLongGoneLeaveTheirNameToOthers) {
  PrometheusExporter exporter;
  const auto of = instance("a");
  publish(exporter, snapshot(of, {series(MetricType::gauge, "x", 1)}));
  const auto other = snapshot(instance("b"), {series(MetricType::rate, "x", 2)});
  for (int run = 1; run <= 16; ++run) {
    publish(exporter, snapshot(of, {}));
    publish(exporter, other);
    EXPECT_EQ(page_of(exporter), "") << run;
  }
  publish(exporter, snapshot(of, {}));
  publish(exporter, other);
  EXPECT_EQ(page_of(exporter), "# HELP x_total help\n# TYPE x_total counter\nx_total 2\n");
}

TEST(PrometheusExporter, RowsThatGoLeaveTheOthersAsTheyWere) {
  PrometheusExporter exporter;
  const auto of = instance("a");
  const auto before = series(MetricType::gauge, "x", 1, {"a:before"});
  const auto after = series(MetricType::gauge, "x", 2, {"b:after, longer"});
  publish(exporter, snapshot(of, {before, series(MetricType::gauge, "x", 3, {"run:once"}), after}));
  for (int run = 0; run < 20; ++run) {
    publish(exporter, snapshot(of, {before, after}));
    EXPECT_EQ(page_of(exporter),
              "# HELP x help\n# TYPE x gauge\n"
              "x{a=\"before\"} 1\nx{b=\"after, longer\"} 2\n")
        << run;
  }
}

TEST(PrometheusExporter, NegativeCountsAreInTheTextFormatOnly) {
  const auto self = std::make_shared<SelfMetrics>("1");
  PrometheusOptions options;
  options.self = self;
  PrometheusExporter exporter(options);
  publish(exporter, snapshot(instance("a"), {series(MetricType::count, "x", -1)}));
  EXPECT_NE(exporter.render("").body.find("\nx_total -1\n"), std::string::npos);
  EXPECT_EQ(exporter.render(openmetrics).body.find("x_total"), std::string::npos);
  EXPECT_EQ(dropped(*self), "negative 1; ");
}

TEST(PrometheusExporter, ConstantLabelsAreOnEveryLine) {
  PrometheusOptions options;
  options.constant_labels = {{"env", "prod"}, {"data-center", "eu"}};
  const auto registry = std::make_shared<::prometheus::Registry>();
  ::prometheus::BuildGauge().Name("own").Help("own").Register(*registry).Add({}).Set(1);
  options.collectables = {registry};
  PrometheusExporter exporter(options);
  publish(exporter, snapshot(instance("a"), {series(MetricType::gauge, "x", 1, {"env:test"})}));
  EXPECT_EQ(page_of(exporter),
            "# HELP x help\n# TYPE x gauge\nx{data_center=\"eu\",env=\"test\"} 1\n"
            "# HELP own own\n# TYPE own gauge\nown{data_center=\"eu\",env=\"prod\"} 1\n");
}

TEST(PrometheusExporter, CollectablesAreOnThePageInItsFormats) {
  const auto first = std::make_shared<::prometheus::Registry>();
  const auto second = std::make_shared<::prometheus::Registry>();
  const std::string help = "has \"quotes\"\nand lines";
  const auto count_in = [&](const auto& registry, const char* label, double value) {
    ::prometheus::BuildCounter()
        .Name("runs_total")
        .Help(help)
        .Register(*registry)
        .Add({{"of", label}})
        .Increment(value);
  };
  count_in(first, "a", 1);
  ::prometheus::BuildGauge().Name("nan").Help("h").Register(*first).Add({}).Set(
      std::numeric_limits<double>::quiet_NaN());
  ::prometheus::BuildHistogram()
      .Name("took")
      .Help("h")
      .Register(*first)
      .Add({}, ::prometheus::Histogram::BucketBoundaries{0.5, 1})
      .Observe(0.1 + 0.2);
  count_in(second, "a", 100);
  count_in(second, "b", 2);
  ::prometheus::BuildGauge().Name("took").Help("h").Register(*second).Add({}).Set(1);
  ::prometheus::BuildGauge().Name("x").Help("h").Register(*second).Add({}).Set(1);
  PrometheusOptions options;
  options.collectables = {first, second};
  PrometheusExporter exporter(options);
  publish(exporter, snapshot(instance("a"), {series(MetricType::gauge, "x", 1)}));
  EXPECT_EQ(page_of(exporter),
            "# HELP x help\n# TYPE x gauge\nx 1\n"
            "# HELP runs_total has \"quotes\"\\nand lines\n"
            "# TYPE runs_total counter\n"
            "runs_total{of=\"a\"} 1\n"
            "runs_total{of=\"b\"} 2\n"
            "# HELP nan h\n# TYPE nan gauge\nnan NaN\n"
            "# HELP took h\n"
            "# TYPE took histogram\n"
            "took_bucket{le=\"0.5\"} 1\n"
            "took_bucket{le=\"1.0\"} 1\n"
            "took_bucket{le=\"+Inf\"} 1\n"
            "took_sum 0.30000000000000004\n"
            "took_count 1\n");
  EXPECT_NE(page_of(exporter, openmetrics)
                .find("# HELP runs has \\\"quotes\\\"\\nand lines\n# TYPE runs counter\n"
                      "runs_total{of=\"a\"} 1\n"),
            std::string::npos);
}

TEST(PrometheusExporter, ScrapesAreCountedByFormat) {
  const auto self = std::make_shared<SelfMetrics>("1");
  PrometheusOptions options;
  options.self = self;
  const PrometheusExporter exporter(options);
  static_cast<void>(exporter.render(""));
  static_cast<void>(exporter.render(""));
  const std::string body = exporter.render(openmetrics).body;
  EXPECT_NE(body.find("heapwatch_scrapes_served_total{format=\"text\"} 2\n"), std::string::npos);
  EXPECT_NE(body.find("heapwatch_scrapes_served_total{format=\"openmetrics\"} 1\n"),
            std::string::npos);
  EXPECT_NE(body.find("heapwatch_build_info{version=\"1\"} 1\n"), std::string::npos);
}

TEST(PrometheusExporter, ScrapesSeeWholeRunsWhileInstancesArePublishedAndForgotten) {
  PrometheusExporter exporter;
  std::atomic<bool> stop = false;
  std::vector<std::thread> scrapers;
  scrapers.reserve(2);
  for (int i = 0; i < 2; ++i) {
    scrapers.emplace_back([&] {
      while (!stop) {
        const std::string body = page_of(exporter);
        const auto x = body.find("\nx ");
        const auto y = body.find("\ny ");
        ASSERT_EQ(x == std::string::npos, y == std::string::npos);
        if (x != std::string::npos) {
          EXPECT_EQ(body.substr(x + 3, body.find('\n', x + 1) - x - 3),
                    body.substr(y + 3, body.find('\n', y + 1) - y - 3));
        }
      }
    });
  }
  const auto of = instance("a");
  auto run = snapshot(of, {series(MetricType::gauge, "x", 0), series(MetricType::gauge, "y", 0)});
  for (int i = 0; i < 500; ++i) {
    run.series[0].total = run.series[1].total = Number::of(i);
    publish(exporter, run);
    if (i % 10 == 0) {
      exporter.forget(*of);
    }
  }
  stop = true;
  for (std::thread& scraper : scrapers) {
    scraper.join();
  }
}

}  // namespace
}  // namespace heapwatch::exporters::prometheus
