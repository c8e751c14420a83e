// The numbers Datadog makes of the samples of a histogram.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/number.h"

namespace heapwatch::metrics {

struct HistogramOptions {
  /// Of max, min, median, avg, sum, count.
  std::vector<std::string> aggregates{"max", "median", "avg", "count"};
  /// Whole percentages.
  std::vector<int> percentiles{95};
};

struct Aggregate {
  std::string suffix;  // "median", "95percentile"
  base::Number value;
  bool is_rate = false;  // `count` goes to Datadog as a rate, the rest as gauges
};

/// The aggregates of one run's samples, in the order of the options; none for no samples.
/// Source: median is the sample at index (n-1)/2 of the sorted samples; a percentile p is the
/// smallest sample whose cumulative weight exceeds (p*n-1)/100 in integers.
[[nodiscard]] std::vector<Aggregate> aggregate(std::span<const base::Number> samples,
                                               const HistogramOptions& options);

}  // namespace heapwatch::metrics
