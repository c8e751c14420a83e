// Prints a metrics page of each kind that is hard to get right: prometheus_pages CASE ACCEPT.
#include <cstdint>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "exporters/prometheus/exporter.h"
#include "exporters/prometheus/self_metrics.h"

namespace {

using heapwatch::base::Number;
using heapwatch::metrics::MetricType;
namespace metrics = heapwatch::metrics;
namespace exporters = heapwatch::exporters::prometheus;

struct Published {
  MetricType type = MetricType::gauge;
  std::string name;
  Number value;
  metrics::Tags tags;
  std::string help;
};

metrics::Series series(const Published& published) {
  metrics::Series made;
  made.context = metrics::make_context(
      {.name = published.name, .tags = published.tags, .host = {}, .help = published.help});
  made.type = published.type;
  if (published.type == MetricType::histogram) {
    made.distribution = metrics::Distribution{.run = {published.value}, .count = 2, .sum = 1.5};
  } else {
    made.total = published.value;
  }
  return made;
}

std::vector<Published> usual() {
  return {
      {MetricType::gauge,
       "go_expvar.memstats.heap_alloc",
       Number::of(123456),
       {"expvar_url:http://localhost:6060/debug/vars"},
       "expvar path memstats/HeapAlloc"},
      {MetricType::gauge,
       "go_expvar.memstats.total_alloc",
       Number::of(99),
       {},
       "expvar path memstats/TotalAlloc"},
      {MetricType::monotonic_counter,
       "go_expvar.memstats.total_alloc.count",
       Number::of(99),
       {},
       "expvar path memstats/TotalAlloc"},
      {MetricType::rate,
       "go_expvar.memstats.mallocs",
       Number::of(std::numeric_limits<std::uint64_t>::max()),
       {},
       "expvar path memstats/Mallocs"},
      {MetricType::histogram,
       "go_expvar.memstats.pause_ns",
       Number::of(5000),
       {"a:b"},
       "expvar path memstats/PauseNs"},
  };
}

std::vector<Published> nasty() {
  return {
      {MetricType::gauge,
       "a b\"c\\d\ne",
       Number::of(1),
       {"k\"e\\y:v\"a\\l\nue", "bare", "empty:", ":keyless", "__name__:x", "le:1", "quantile:2",
        "dup:1", "dup:2", "ünïcode:日本 \xFF\xC0", "9:9"},
       "help \"quoted\" \\ back\nslash \xFE ü"},
      {MetricType::gauge, "9lives", Number::of(std::numeric_limits<double>::quiet_NaN()), {}, "\n"},
      {MetricType::gauge, "plus", Number::of(std::numeric_limits<double>::infinity()), {}, "\\"},
      {MetricType::gauge, "minus", Number::of(-std::numeric_limits<double>::infinity()), {}, "\""},
      {MetricType::gauge, "日本", Number::of(5e-324), {}, ""},
      {MetricType::gauge, "", Number::of(0.1 + 0.2), {}, "# TYPE x counter"},
      {MetricType::count, "_total", Number::of(3), {}, "a"},
      {MetricType::count, "x.total.total", Number::of(4), {}, "a"},
      {MetricType::gauge, "carriage", Number::of(1), {"a:b\rc\td"}, "tab\there"},
  };
}

std::vector<Published> collisions() {
  std::vector<Published> all;
  const std::vector<std::string> names{"x",
                                       "x.total",
                                       "x.count",
                                       "x.sum",
                                       "x.created",
                                       "x.bucket",
                                       "x.info",
                                       "x_total_total",
                                       "y.sum",
                                       "y",
                                       "z.total",
                                       "z",
                                       "x",
                                       "heapwatch_target_up",
                                       "process_open_fds",
                                       "heapwatch_build_info"};
  for (const std::string& name : names) {
    for (const MetricType type : {MetricType::gauge, MetricType::rate, MetricType::histogram}) {
      all.push_back({type, name, Number::of(-1), {}, "negative"});
      all.push_back({type, name, Number::of(7), {"check:go_expvar"}, "other help"});
    }
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string page = argc > 1 ? argv[1] : "";
  exporters::PrometheusOptions options;
  options.suffixes = page != "plain";
  options.self = std::make_shared<exporters::SelfMetrics>("1.2\"3");
  exporters::PrometheusExporter exporter(options);
  metrics::Instance instance;
  instance.check_name = "go_expvar";
  instance.target = "http://h/\"?a=\\";
  for (int i = 0; i < 3; ++i) {
    instance.id = "go_expvar:" + std::to_string(i);
    metrics::Snapshot snapshot;
    snapshot.instance = std::make_shared<const metrics::Instance>(instance);
    snapshot.dropped = {{"limit", 3}};
    snapshot.service_checks.push_back({"s", metrics::ServiceCheckStatus::unknown, {}, "h", "m"});
    for (Published published : page == "nasty"        ? nasty()
                               : page == "collisions" ? collisions()
                                                      : usual()) {
      published.tags.push_back("i:" + std::to_string(i % 2));
      snapshot.series.push_back(series(published));
    }
    if (!exporter.publish(snapshot)) {
      return 1;
    }
  }
  std::cout << exporter.render(argc > 2 ? argv[2] : "").body;
  return 0;
}
