#include "exporters/push/own_rows.h"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <string>
#include <utility>

namespace heapwatch::exporters::push {

namespace {

using ::prometheus::ClientMetric;
using prometheus::FamilyType;
using ::prometheus::MetricFamily;
using ::prometheus::MetricType;

metrics::Context context_of(const MetricFamily& family, const char* suffix,
                            const ClientMetric& metric) {
  metrics::Tags tags;
  for (const ClientMetric::Label& label : metric.label) {
    tags.push_back(label.name + ":" + label.value);
  }
  return metrics::make_context(
      {.name = family.name + suffix, .tags = std::move(tags), .host = {}, .help = family.help});
}

void add_rows(std::vector<OwnRow>& rows, const MetricFamily& family, const ClientMetric& metric) {
  const auto add = [&](const char* suffix, FamilyType type, base::Number value) {
    rows.push_back({context_of(family, suffix, metric), type, value});
  };
  switch (family.type) {
    case MetricType::Counter:
      add("", FamilyType::counter, base::Number::of(metric.counter.value));
      return;
    case MetricType::Gauge:
      add("", FamilyType::gauge, base::Number::of(metric.gauge.value));
      return;
    case MetricType::Untyped:
      add("", FamilyType::unknown, base::Number::of(metric.untyped.value));
      return;
    case MetricType::Summary:
      add("_sum", FamilyType::unknown, base::Number::of(metric.summary.sample_sum));
      add("_count", FamilyType::unknown, base::Number::of(metric.summary.sample_count));
      return;
    case MetricType::Histogram:
      add("_sum", FamilyType::unknown, base::Number::of(metric.histogram.sample_sum));
      add("_count", FamilyType::unknown, base::Number::of(metric.histogram.sample_count));
      return;
  }
}

}  // namespace

std::vector<OwnRow> own_rows(const prometheus::Collectables& collectables) {
  std::vector<OwnRow> rows;
  for (const auto& collectable : collectables) {
    for (const MetricFamily& family : collectable->Collect()) {
      for (const ClientMetric& metric : family.metric) {
        add_rows(rows, family, metric);
      }
    }
  }
  return rows;
}

}  // namespace heapwatch::exporters::push
