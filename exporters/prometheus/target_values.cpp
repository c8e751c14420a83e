#include "exporters/prometheus/target_values.h"

#include <chrono>
#include <utility>

namespace heapwatch::exporters::prometheus {

namespace {

using base::Number;
using NamePtr = base::Interned<metrics::MetricName>;

NamePtr named(const char* name, const char* help) {
  return NamePtr(metrics::MetricName(name, help, metrics::Audience::everyone));
}

struct Names {
  NamePtr up = named("heapwatch_target_up", "Whether the last run succeeded.");
  NamePtr duration =
      named("heapwatch_target_scrape_duration_seconds", "How long the last run took.");
  NamePtr failed_runs =
      named("heapwatch_target_failed_runs", "Failed runs in a row, up to the last one.");
  NamePtr samples =
      named("heapwatch_target_scrape_samples", "Samples that the last run submitted.");
  NamePtr body_bytes = named("heapwatch_target_scrape_body_size_bytes",
                             "Size of what the target answered in the last run.");
  NamePtr last_success = named("heapwatch_target_last_success_timestamp_seconds",
                               "When a run last succeeded, in Unix time.");
  NamePtr dropped = named("heapwatch_target_scrape_samples_dropped",
                          "Samples of the last run that were dropped, by reason.");
};

const Names& names() {
  static const Names made;
  return made;
}

metrics::TagsAndHost tags_and_host_of(const metrics::Instance& instance) {
  metrics::Tags tags{"check:" + instance.check_name, "check_id:" + instance.id};
  if (!instance.target.empty()) {
    tags.push_back("target:" + instance.target);
  }
  return {std::move(tags), std::nullopt};
}

}  // namespace

TargetValues::TargetValues(const metrics::Instance& instance)
    : tags_and_host_(tags_and_host_of(instance)) {}

void TargetValues::for_each(const metrics::Snapshot& snapshot, const Show& show) {
  if (!snapshot.error) {
    last_success_seconds_ =
        std::chrono::duration<double>(snapshot.time.wall.time_since_epoch()).count();
  }
  const auto put = [&](const NamePtr& name, const Number& value) {
    show(metrics::Context(name, tags_and_host_), value);
  };
  put(names().up, Number::of(snapshot.error ? 0 : 1));
  put(names().duration, Number::of(std::chrono::duration<double>(snapshot.duration).count()));
  put(names().failed_runs, Number::of(snapshot.failed_runs));
  put(names().samples, Number::of(snapshot.samples));
  put(names().body_bytes, Number::of(snapshot.body_bytes));
  if (last_success_seconds_) {
    put(names().last_success, Number::of(*last_success_seconds_));
  }
  show_dropped(snapshot, show);
}

void TargetValues::show_dropped(const metrics::Snapshot& snapshot, const Show& show) {
  if (!dropped_ && snapshot.dropped.empty()) {
    return;
  }
  if (!dropped_) {
    dropped_ = std::make_unique<std::map<std::string, TagsAndHostPtr>>();
  }
  for (const auto& [reason, count] : snapshot.dropped) {
    if (dropped_->count(reason) == 0) {
      metrics::Tags tags = tags_and_host_->tags().copy();
      tags.push_back("reason:" + reason);
      dropped_->emplace(reason, metrics::TagsAndHost(std::move(tags), std::nullopt));
    }
  }
  for (const auto& [reason, tags_and_host] : *dropped_) {
    const auto count = snapshot.dropped.find(reason);
    const Number value = Number::of(count == snapshot.dropped.end() ? 0 : count->second);
    show(metrics::Context(names().dropped, tags_and_host), value);
  }
}

}  // namespace heapwatch::exporters::prometheus
