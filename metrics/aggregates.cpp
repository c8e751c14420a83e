#include "metrics/aggregates.h"

#include <algorithm>
#include <cstdint>

namespace heapwatch::metrics {

namespace {

using base::Number;

// A total order: integers against doubles compare as doubles, which alone would not be transitive.
bool precedes(const Number& a, const Number& b) {
  const double x = a.to_double();
  const double y = b.to_double();
  if (x != y) {
    return x < y;
  }
  return a.is_integer() == b.is_integer() ? a < b : a.is_integer();
}

const Number& percentile(std::span<const Number> sorted, int percent) {
  const auto size = static_cast<std::int64_t>(sorted.size());
  const std::int64_t index = (percent * size - 1) / 100;
  return sorted[static_cast<std::size_t>(std::clamp<std::int64_t>(index, 0, size - 1))];
}

}  // namespace

std::vector<Aggregate> aggregate(std::span<const Number> samples, const HistogramOptions& options) {
  std::vector<Aggregate> aggregates;
  if (samples.empty()) {
    return aggregates;
  }
  std::vector<Number> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end(), precedes);
  Number sum;
  for (const Number& sample : samples) {
    sum = sum + sample;
  }
  const auto size = static_cast<double>(sorted.size());
  aggregates.reserve(options.aggregates.size() + options.percentiles.size());
  for (const std::string& name : options.aggregates) {
    if (name == "max") {
      aggregates.push_back({name, sorted.back()});
    } else if (name == "min") {
      aggregates.push_back({name, sorted.front()});
    } else if (name == "median") {
      aggregates.push_back({name, sorted[(sorted.size() - 1) / 2]});
    } else if (name == "avg") {
      aggregates.push_back({name, Number::of(sum.to_double() / size)});
    } else if (name == "sum") {
      aggregates.push_back({name, sum});
    } else if (name == "count") {
      aggregates.push_back({name, Number::of(sorted.size()), true});
    }
  }
  for (const int percent : options.percentiles) {
    aggregates.push_back({std::to_string(percent) + "percentile", percentile(sorted, percent)});
  }
  return aggregates;
}

}  // namespace heapwatch::metrics
