#include "metrics/sample.h"

#include <algorithm>
#include <array>
#include <utility>

namespace heapwatch::metrics {

namespace {

constexpr std::array<std::pair<MetricType, std::string_view>, 8> type_names{{
    {MetricType::gauge, "gauge"},
    {MetricType::rate, "rate"},
    {MetricType::count, "count"},
    {MetricType::counter, "counter"},
    {MetricType::monotonic_counter, "monotonic_counter"},
    {MetricType::histogram, "histogram"},
    {MetricType::historate, "historate"},
    {MetricType::set, "set"},
}};

}  // namespace

std::string_view to_text(MetricType type) {
  return type_names.at(static_cast<std::size_t>(type)).second;
}

}  // namespace heapwatch::metrics
