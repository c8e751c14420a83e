// What the page says of the targets themselves, and when series leave it.
#include <gtest/gtest.h>

#include "exporter_pages.h"

namespace heapwatch::exporters::prometheus {
namespace {

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

}  // namespace
}  // namespace heapwatch::exporters::prometheus
