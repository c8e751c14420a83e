#include "exporters/prometheus/shown.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace heapwatch::exporters::prometheus {

namespace {

using base::Number;

/// The quantiles of a summary as the percentiles that aggregate() knows.
std::vector<int> summary_percentiles(const metrics::HistogramOptions& options) {
  std::vector<int> percentiles = options.percentiles;
  const auto add_if_named = [&](const char* name, int percent) {
    if (std::find(options.aggregates.begin(), options.aggregates.end(), name) !=
        options.aggregates.end()) {
      percentiles.push_back(percent);
    }
  };
  add_if_named("min", 0);
  add_if_named("median", 50);
  add_if_named("max", 100);
  std::sort(percentiles.begin(), percentiles.end());
  percentiles.erase(std::unique(percentiles.begin(), percentiles.end()), percentiles.end());
  return percentiles;
}

FamilyType family_type_of(metrics::MetricType type) {
  switch (type) {
    case metrics::MetricType::gauge:
    case metrics::MetricType::set:
      return FamilyType::gauge;
    case metrics::MetricType::histogram:
    case metrics::MetricType::historate:
      return FamilyType::summary;
    default:
      return FamilyType::counter;
  }
}

/// Go's client has a gauge and a counter of this name.
constexpr std::string_view beside_a_gauge = "go_memstats_alloc_bytes_total";

}  // namespace

FamilyType family_type(const metrics::Series& series) {
  if (series.quartiles) {
    return FamilyType::quartiles;
  }
  return series.context.name() == beside_a_gauge ? FamilyType::lone_total
                                                 : family_type_of(series.type);
}

Labels valid_labels(const Labels& labels) {
  Labels valid;
  for (const auto& [name, value] : labels) {
    valid.emplace(label_name(name), value);
  }
  return valid;
}

bool is_shown(const metrics::Series& series) {
  return series.context.audience() != metrics::Audience::datadog &&
         (series.quartiles || series.distribution || series.total || series.value);
}

std::span<const metrics::Series> series_of(const metrics::Snapshot& snapshot) {
  return snapshot.error ? std::span<const metrics::Series>() : std::span(snapshot.series);
}

void for_each_service_check(const metrics::Snapshot& snapshot, const ShowStatus& show) {
  for (const metrics::ServiceCheck& check : snapshot.service_checks) {
    metrics::Tags tags = check.tags;
    tags.push_back("service_check:" + check.name);
    tags.push_back("check_id:" + snapshot.instance->id);
    show(metrics::make_context(
             {.name = "heapwatch_service_check",
              .tags = std::move(tags),
              .host = check.host,
              .help = "Status of a service check: 0 ok, 1 warning, 2 critical, 3 unknown."}),
         Number::of(static_cast<unsigned>(check.status)));
  }
}

ShownValues::ShownValues(const metrics::HistogramOptions& histogram) {
  options_.aggregates.clear();
  options_.percentiles = summary_percentiles(histogram);
}

std::span<const Number> ShownValues::of(const metrics::Series& series) {
  values_.clear();
  if (series.quartiles) {
    const metrics::Quartiles& quartiles = *series.quartiles;
    values_.assign(quartiles.values.begin(), quartiles.values.end());
    values_.push_back(quartiles.sum);
    values_.push_back(quartiles.count);
    return values_;
  }
  if (!series.distribution) {
    values_.push_back(series.total ? *series.total : *series.value);
    return values_;
  }
  for (const auto& aggregate : metrics::aggregate(series.distribution->run, options_)) {
    values_.push_back(aggregate.value);
  }
  values_.resize(options_.percentiles.size(), Number::of(std::numeric_limits<double>::quiet_NaN()));
  values_.push_back(Number::of(series.distribution->sum));
  values_.push_back(Number::of(series.distribution->count));
  return values_;
}

}  // namespace heapwatch::exporters::prometheus
