#include "check/shared_library/sender.h"

#include <string_view>

#include "check/shared_library/runs_unused.h"

namespace heapwatch::check::shared_library {

namespace {

using metrics::MetricType;

/// The ABI's pointers are to char although nobody may write there.
char* as_argument(std::string_view text_before_0) {
  return const_cast<char*>(text_before_0.data());
}

template <typename Tags>
std::vector<char*> as_arguments(const Tags& tags) {
  std::vector<char*> arguments;
  arguments.reserve(tags.size() + 1);
  for (const std::string_view tag : tags) {
    arguments.push_back(as_argument(tag));
  }
  arguments.push_back(nullptr);
  return arguments;
}

metric_type_t type_of(MetricType type) {
  switch (type) {
    case MetricType::rate:
      return metric_type_rate;
    case MetricType::count:
      return metric_type_count;
    case MetricType::monotonic_counter:
      return metric_type_monotonic_count;
    case MetricType::counter:
      return metric_type_counter;
    case MetricType::histogram:
      return metric_type_histogram;
    case MetricType::historate:
      return metric_type_historate;
    case MetricType::gauge:
    case MetricType::set:  // not in the ABI
      break;
  }
  return metric_type_gauge;
}

}  // namespace

void Sender::begin(char* check_id, const aggregator_t& aggregator) {
  check_id_ = check_id;
  aggregator_ = &aggregator;
  if (++run_ % runs_unused_max == 0) {
    std::erase_if(rendered_,
                  [&](const auto& item) { return item.second.run + runs_unused_max < run_; });
  }
}

void Sender::submit(const metrics::Sample& sample) {
  if (aggregator_->submit_metric == nullptr ||
      sample.context.audience() == metrics::Audience::prometheus) {
    return;
  }
  Rendered& rendered = rendered_[sample.context];
  if (rendered.tags.empty()) {
    rendered.tags = as_arguments(sample.context.tags());
    rendered.host = sample.context.host().value_or("");
  }
  rendered.run = run_;
  aggregator_->submit_metric(check_id_, type_of(sample.type), as_argument(sample.context.name()),
                             sample.value.to_double(), rendered.tags.data(),
                             as_argument(rendered.host), sample.flush_first_value);
}

void Sender::submit(const metrics::ServiceCheck& check) {
  if (aggregator_->submit_service_check == nullptr) {
    return;
  }
  std::vector<char*> tags = as_arguments(check.tags);
  aggregator_->submit_service_check(check_id_, as_argument(check.name),
                                    static_cast<int>(check.status), tags.data(),
                                    as_argument(check.host), as_argument(check.message));
}

void Sender::submit(const metrics::Event& event) {
  if (aggregator_->submit_event == nullptr) {
    return;
  }
  std::vector<char*> tags = as_arguments(event.tags);
  event_t out{
      .title = as_argument(event.title),
      .text = as_argument(event.text),
      .ts = event.time ? static_cast<long>(event.time->time_since_epoch().count()) : 0,
      .priority = as_argument(event.priority),
      .host = as_argument(event.host),
      .tags = tags.data(),
      .alert_type = as_argument(event.alert_type),
      .aggregation_key = as_argument(event.aggregation_key),
      .source_type_name = as_argument(event.source_type_name),
      .event_type = nullptr,
  };
  aggregator_->submit_event(check_id_, &out);
}

}  // namespace heapwatch::check::shared_library
