// What the tests of the Prometheus exporter publish, and how they read its page.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "exporters/prometheus/exporter.h"
#include "exporters/prometheus/self_metrics.h"

namespace heapwatch::exporters::prometheus {

using base::Number;
using metrics::MetricType;

using metrics::MetricType;

inline constexpr const char* openmetrics = "application/openmetrics-text";

inline metrics::InstancePtr instance(std::string id) {
  metrics::Instance made;
  made.check_name = "go_expvar";
  made.id = std::move(id);
  return std::make_shared<const metrics::Instance>(std::move(made));
}

inline metrics::Series series(MetricType type, const std::string& name, Number total,
                              metrics::Tags tags = {}) {
  metrics::Series made;
  made.context =
      metrics::make_context({.name = name, .tags = std::move(tags), .host = {}, .help = "help"});
  made.type = type;
  made.total = total;
  return made;
}

inline metrics::Series series(MetricType type, const std::string& name, int total,
                              metrics::Tags tags = {}) {
  return series(type, name, Number::of(total), std::move(tags));
}

inline metrics::Snapshot snapshot(metrics::InstancePtr of, std::vector<metrics::Series> series) {
  metrics::Snapshot made;
  made.instance = std::move(of);
  made.series = std::move(series);
  return made;
}

/// The page without the series about targets.
inline std::string page_of(const PrometheusExporter& exporter, const char* accept = "") {
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

inline void publish(PrometheusExporter& exporter, const metrics::Snapshot& snapshot) {
  EXPECT_TRUE(exporter.publish(snapshot).has_value());
}

/// What was counted as dropped: "reason count; ".
inline std::string dropped(const SelfMetrics& self) {
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

}  // namespace heapwatch::exporters::prometheus
