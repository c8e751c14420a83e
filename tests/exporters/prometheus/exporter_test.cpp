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

#include "exporters/prometheus/self_metrics.h"

namespace heapwatch::exporters::prometheus {
namespace {

using base::Number;
using metrics::MetricType;

constexpr const char* openmetrics = "application/openmetrics-text";

metrics::InstancePtr instance(std::string id) {
  metrics::Instance made;
  made.check_name = "go_expvar";
  made.id = std::move(id);
  return std::make_shared<const metrics::Instance>(std::move(made));
}

metrics::Series series(MetricType type, const std::string& name, Number total,
                       metrics::Tags tags = {}) {
  metrics::Series made;
  made.context =
      metrics::make_context({.name = name, .tags = std::move(tags), .host = {}, .help = "help"});
  made.type = type;
  made.total = total;
  return made;
}

metrics::Series series(MetricType type, const std::string& name, int total,
                       metrics::Tags tags = {}) {
  return series(type, name, Number::of(total), std::move(tags));
}

metrics::Snapshot snapshot(metrics::InstancePtr of, std::vector<metrics::Series> series) {
  metrics::Snapshot made;
  made.instance = std::move(of);
  made.series = std::move(series);
  return made;
}

/// The page without the series about targets.
std::string page_of(const PrometheusExporter& exporter, const char* accept = "") {
  std::string out;
  std::string rest = exporter.render(accept).body;
  while (!rest.empty()) {
    const std::string line = rest.substr(0, rest.find('\n') + 1);
    rest.erase(0, line.size());
    if (line.find("heapwatch_target_") == std::string::npos) {
      out += line;
    }
  }
  return out;
}

void publish(PrometheusExporter& exporter, const metrics::Snapshot& snapshot) {
  EXPECT_TRUE(exporter.publish(snapshot).has_value());
}

/// What was counted as dropped: "reason count; ".
std::string dropped(const SelfMetrics& self) {
  std::string out;
  for (const auto& family : self.Collect()) {
    if (family.name == "heapwatch_series_dropped_total") {
      for (const auto& metric : family.metric) {
        out += metric.label[0].value + " " + to_text(Number::of(metric.counter.value)) + "; ";
      }
    }
  }
  return out;
}

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

TEST(PrometheusExporter, AFailedRunTakesItsSeriesOffThePage) {
  PrometheusExporter exporter;
  metrics::Snapshot run = snapshot(instance("a"), {series(MetricType::gauge, "x", 1)});
  publish(exporter, run);
  run.error = base::Error{base::ErrorKind::timeout, "too slow"};
  publish(exporter, run);
  EXPECT_EQ(page_of(exporter), "");
  run.error.reset();
  publish(exporter, run);
  EXPECT_EQ(page_of(exporter), "# HELP x help\n# TYPE x gauge\nx 1\n");
}

TEST(PrometheusExporter, ForgettingAnInstanceTakesAllOfItOffThePage) {
  PrometheusExporter exporter;
  const auto a = instance("a");
  metrics::Snapshot run = snapshot(
      a, {series(MetricType::gauge, "x", 1, {"url:a"}), series(MetricType::gauge, "z", 1)});
  run.service_checks.push_back({"s", metrics::ServiceCheckStatus::ok, {}, "", ""});
  publish(exporter, run);
  publish(exporter, snapshot(instance("b"), {series(MetricType::gauge, "x", 2, {"url:b"})}));
  exporter.forget(*a);
  EXPECT_EQ(page_of(exporter), "# HELP x help\n# TYPE x gauge\nx{url=\"b\"} 2\n");
  exporter.forget(*instance("b"));
  EXPECT_EQ(exporter.render("").body, "");
  exporter.forget(*instance("never published"));
}

TEST(PrometheusExporter, TargetsAreOnThePageAndStayWhenTheyAreDown) {
  PrometheusExporter exporter;
  metrics::Instance made;
  made.check_name = "go_expvar";
  made.id = "go_expvar:a:1f";
  made.target = "http://h:1/debug/vars";
  metrics::Snapshot run = snapshot(std::make_shared<const metrics::Instance>(made), {});
  run.time.wall = std::chrono::sys_time<std::chrono::milliseconds>(
      std::chrono::milliseconds(1'700'000'000'500));
  run.duration = std::chrono::milliseconds(250);
  run.samples = 21;
  run.body_bytes = 4096;
  run.dropped = {{"limit", 2}};
  publish(exporter, run);
  run.time.wall += std::chrono::seconds(15);
  run.error = base::Error{base::ErrorKind::timeout, "too slow"};
  run.failed_runs = 7;
  run.samples = 0;
  run.body_bytes = 0;
  run.dropped = {};
  publish(exporter, run);
  const std::string labels =
      "{check=\"go_expvar\",check_id=\"go_expvar:a:1f\",target=\"http://h:1/debug/vars\"} ";
  const auto family = [](const std::string& name, const std::string& help) {
    return "# HELP heapwatch_target_" + name + " " + help + "\n# TYPE heapwatch_target_" + name +
           " gauge\nheapwatch_target_" + name;
  };
  EXPECT_EQ(
      exporter.render("").body,
      family("up", "Whether the last run succeeded.") + labels + "0\n" +
          family("scrape_duration_seconds", "How long the last run took.") + labels + "0.25\n" +
          family("failed_runs", "Failed runs in a row, up to the last one.") + labels + "7\n" +
          family("scrape_samples", "Samples that the last run submitted.") + labels + "0\n" +
          family("scrape_body_size_bytes", "Size of what the target answered in the last run.") +
          labels + "0\n" +
          family("last_success_timestamp_seconds", "When a run last succeeded, in Unix time.") +
          labels + "1700000000.5\n" +
          family("scrape_samples_dropped",
                 "Samples of the last run that were dropped, by reason.") +
          "{check=\"go_expvar\",check_id=\"go_expvar:a:1f\",reason=\"limit\",target=\"http://h:1/"
          "debug/vars\"} 0\n");
}

TEST(PrometheusExporter, ATargetThatNeverSucceededHasNoTimeOfSuccess) {
  PrometheusExporter exporter;
  metrics::Snapshot run = snapshot(instance("a"), {});
  run.error = base::Error{base::ErrorKind::unreachable, "closed"};
  publish(exporter, run);
  const std::string body = exporter.render("").body;
  EXPECT_NE(body.find("heapwatch_target_up{check=\"go_expvar\",check_id=\"a\"} 0\n"),
            std::string::npos);
  EXPECT_EQ(body.find("last_success"), std::string::npos);
}

TEST(PrometheusExporter, ServiceChecksAreGaugesAlsoWhenTheRunFailed) {
  PrometheusExporter exporter;
  metrics::Snapshot run = snapshot(instance("a"), {});
  run.error = base::Error{base::ErrorKind::unreachable, "closed"};
  run.service_checks.push_back(
      {"go_expvar.can_connect", metrics::ServiceCheckStatus::critical, {"url:x"}, "", "refused"});
  publish(exporter, run);
  EXPECT_EQ(
      page_of(exporter),
      "# HELP heapwatch_service_check Status of a service check: 0 ok, 1 warning, 2 critical, "
      "3 unknown.\n"
      "# TYPE heapwatch_service_check gauge\n"
      "heapwatch_service_check{check_id=\"a\",service_check=\"go_expvar.can_connect\",url="
      "\"x\"} 2\n");
}

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
        << test.first.context->name << " " << test.second.context->name;
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
