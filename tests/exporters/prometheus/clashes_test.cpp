// Names, labels and types that cannot all be on one page.
#include <gtest/gtest.h>

#include "exporter_pages.h"

namespace heapwatch::exporters::prometheus {
namespace {

TEST(PrometheusExporter, OfTwoTypesOfOneNameTheFirstStays) {
  const auto self = std::make_shared<SelfMetrics>("1");
  PrometheusOptions options;
  options.self = self;
  PrometheusExporter exporter(options);
  const auto a = instance("a");
  const auto second = snapshot(instance("b"), {series(MetricType::rate, "x", 2, {"url:b"})});
  testing::internal::CaptureStderr();
  publish(exporter, snapshot(a, {series(MetricType::gauge, "x", 1, {"url:a"})}));
  publish(exporter, second);
  publish(exporter, second);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(exporter.render(openmetrics).body.find("x_total"), std::string::npos);
  EXPECT_EQ(dropped(*self), "type_conflict 2; ");
  const std::string told =
      "\"x\" (counter) is not on the metrics page: its name is taken by \"x\" (gauge)";
  EXPECT_NE(log.find(told), std::string::npos) << log;
  EXPECT_EQ(log.find(told), log.rfind(told)) << "told once";

  exporter.forget(*a);
  publish(exporter, second);
  EXPECT_NE(exporter.render("").body.find("x_total{url=\"b\"} 2\n"), std::string::npos)
      << "the name is free again";
}

TEST(PrometheusExporter, NamesThatMeetInOneOfTheFormatsCannotBothStay) {
  struct Case {
    metrics::Series first;
    metrics::Series second;
    const char* counted;
  };
  metrics::Series summary = series(MetricType::histogram, "x", 0);
  summary.total.reset();
  summary.distribution.emplace();
  const Case cases[] = {
      {series(MetricType::gauge, "x.total", 1), series(MetricType::rate, "x", 2),
       "name_conflict 1; "},
      {series(MetricType::rate, "x", 2), series(MetricType::gauge, "x.total", 1),
       "name_conflict 1; "},
      {series(MetricType::gauge, "x.created", 1), series(MetricType::rate, "x", 2),
       "name_conflict 1; "},
      {summary, series(MetricType::gauge, "x.sum", 2), "name_conflict 1; "},
      {series(MetricType::gauge, "x.count", 2), summary, "name_conflict 1; "},
      {series(MetricType::gauge, "go.memstats.total_alloc", 1),
       series(MetricType::monotonic_counter, "go.memstats.total_alloc.count", 2), ""},
  };
  for (const Case& test : cases) {
    const auto self = std::make_shared<SelfMetrics>("1");
    PrometheusOptions options;
    options.self = self;
    PrometheusExporter exporter(options);
    publish(exporter, snapshot(instance("a"), {test.first, test.second}));
    EXPECT_EQ(dropped(*self), test.counted)
        << test.first.context.name() << " " << test.second.context.name();
  }
}

TEST(PrometheusExporter, OfTheSameNameAndLabelsTheLastValueWins) {
  const auto self = std::make_shared<SelfMetrics>("1");
  PrometheusOptions options;
  options.self = self;
  PrometheusExporter exporter(options);
  const auto a = instance("a");
  const auto b = instance("b");
  const auto first = snapshot(a, {series(MetricType::gauge, "x.y", 1)});
  const auto second = snapshot(b, {series(MetricType::gauge, "x_y", 2)});
  publish(exporter, first);
  publish(exporter, second);
  EXPECT_NE(exporter.render("").body.find("\nx_y 2\n"), std::string::npos);
  EXPECT_EQ(dropped(*self), "duplicate 1; ");

  exporter.forget(*a);
  EXPECT_NE(exporter.render("").body.find("\nx_y 2\n"), std::string::npos)
      << "the other instance's value stays";
  publish(exporter, second);
  EXPECT_EQ(dropped(*self), "duplicate 1; ");
  exporter.forget(*b);
  EXPECT_EQ(exporter.render("").body.find("x_y"), std::string::npos);
}

TEST(PrometheusExporter, AContextThatChangesItsTypeMovesToTheOtherFamily) {
  PrometheusExporter exporter;
  const auto of = instance("a");
  auto x = series(MetricType::gauge, "x", 1);
  publish(exporter, snapshot(of, {x}));
  x.type = MetricType::rate;
  publish(exporter, snapshot(of, {x}));
  publish(exporter, snapshot(of, {x}));
  EXPECT_EQ(page_of(exporter), "# HELP x_total help\n# TYPE x_total counter\nx_total 1\n");
}

}  // namespace
}  // namespace heapwatch::exporters::prometheus
