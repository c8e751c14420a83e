#include "exporters/prometheus/target_metrics.h"

#include <chrono>
#include <utility>

namespace heapwatch::exporters::prometheus {

using base::Number;

TargetMetrics::TargetMetrics(const metrics::Instance& instance)
    : tags_{"check:" + instance.check_name, "check_id:" + instance.id} {
  if (!instance.target.empty()) {
    tags_.push_back("target:" + instance.target);
  }
  up_ = context("heapwatch_target_up", "Whether the last run succeeded.");
  duration_ = context("heapwatch_target_scrape_duration_seconds", "How long the last run took.");
  failed_runs_ =
      context("heapwatch_target_failed_runs", "Failed runs in a row, up to the last one.");
  samples_ = context("heapwatch_target_scrape_samples", "Samples that the last run submitted.");
  body_bytes_ = context("heapwatch_target_scrape_body_size_bytes",
                        "Size of what the target answered in the last run.");
  last_success_ = context("heapwatch_target_last_success_timestamp_seconds",
                          "When a run last succeeded, in Unix time.");
}

metrics::Context TargetMetrics::context(const char* name, const char* help,
                                           const std::string& further_tag) const {
  metrics::Tags tags = tags_;
  if (!further_tag.empty()) {
    tags.push_back(further_tag);
  }
  return metrics::make_context({.name = name, .tags = std::move(tags), .host = {}, .help = help});
}

void TargetMetrics::put(SharedPage& shared, const metrics::Context& context,
                        const Number& value) {
  group_.put(shared, context, FamilyType::gauge, {&value, 1});
}

void TargetMetrics::show(SharedPage& shared, const metrics::Snapshot& snapshot) {
  if (!snapshot.error) {
    last_success_seconds_ =
        std::chrono::duration<double>(snapshot.time.wall.time_since_epoch()).count();
  }
  for (const auto& [reason, count] : snapshot.dropped) {
    metrics::Context& known = dropped_[reason];
    if (!known) {
      known = context("heapwatch_target_scrape_samples_dropped",
                      "Samples of the last run that were dropped, by reason.", "reason:" + reason);
    }
  }
  group_.begin();
  put(shared, up_, Number::of(snapshot.error ? 0 : 1));
  put(shared, duration_, Number::of(std::chrono::duration<double>(snapshot.duration).count()));
  put(shared, failed_runs_, Number::of(snapshot.failed_runs));
  put(shared, samples_, Number::of(snapshot.samples));
  put(shared, body_bytes_, Number::of(snapshot.body_bytes));
  if (last_success_seconds_) {
    put(shared, last_success_, Number::of(*last_success_seconds_));
  }
  for (const auto& [reason, known] : dropped_) {
    const auto count = snapshot.dropped.find(reason);
    put(shared, known, Number::of(count == snapshot.dropped.end() ? 0 : count->second));
  }
  group_.end(shared.page);
}

}  // namespace heapwatch::exporters::prometheus
