#include "check/instance_runner.h"

#include <utility>

namespace heapwatch::check {

namespace {

metrics::ServiceCheck check_status(const metrics::Snapshot& snapshot) {
  using Status = metrics::ServiceCheckStatus;
  metrics::ServiceCheck status{
      .name = "datadog.agent.check_status",
      .status = snapshot.error               ? Status::critical
                : !snapshot.warnings.empty() ? Status::warning
                                             : Status::ok,
      .tags = {"check:" + snapshot.instance->check_name, "dd_enable_check_intake:true"},
      .host = {},
      .message = snapshot.error ? snapshot.error->message : std::string{},
  };
  return status;
}

}  // namespace

InstanceRunner::InstanceRunner(std::unique_ptr<ConfiguredCheck> configured, RunnerOptions options)
    : configured_(std::move(configured)),
      options_(std::move(options)),
      http_(dynamic_cast<HttpCheck*>(configured_->check.get())),
      aggregator_(options_.aggregator) {
  snapshot_.instance = configured_->instance;
  stats_.instance = configured_->instance;
  stats_.interval = configured_->interval;
}

const metrics::Snapshot& InstanceRunner::run() {
  const base::Instant began = now();
  return finish(began, check().run(sink()));
}

const metrics::Snapshot& InstanceRunner::finish(const base::Instant& began,
                                                const base::Result<RunReport>& outcome) {
  aggregator_.commit(snapshot_);
  snapshot_.duration = snapshot_.time.steady - began.steady;
  if (outcome) {
    snapshot_.error.reset();
    snapshot_.warnings = outcome->warnings;
    snapshot_.body_bytes = outcome->body_bytes;
    for (const auto& [reason, count] : outcome->dropped) {
      snapshot_.dropped[reason] += count;
    }
  } else {
    snapshot_.error = outcome.error();
    snapshot_.warnings.clear();
    snapshot_.body_bytes = 0;
  }
  snapshot_.failed_runs = snapshot_.error ? stats_.failed_runs + 1 : 0;
  if (options_.check_status) {
    snapshot_.service_checks.push_back(check_status(snapshot_));
  }
  stats_.add(snapshot_);
  return snapshot_;
}

}  // namespace heapwatch::check
