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

std::optional<MetricType> parse_metric_type(std::string_view name) {
  const auto* const found = std::find_if(type_names.begin(), type_names.end(),
                                         [&](const auto& entry) { return entry.second == name; });
  return found == type_names.end() ? std::nullopt : std::optional(found->first);
}

}  // namespace heapwatch::metrics
