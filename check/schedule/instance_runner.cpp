#include "check/schedule/instance_runner.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/beginning.h"
#include "base/counted.h"
#include "base/memory_reserve.h"
#include "memtrack/memtrack.hpp"

namespace heapwatch::check::schedule {

namespace {

constexpr std::size_t error_bytes_max = std::size_t{16} * 1024;
constexpr std::size_t warning_bytes_max = std::size_t{2} * 1024;
constexpr std::size_t warnings_max = 100;

void limit_warnings(std::vector<std::string>& warnings) {
  if (warnings.size() > warnings_max) {
    const std::size_t more = warnings.size() - warnings_max + 1;
    warnings.resize(warnings_max - 1);
    warnings.push_back(base::counted(more, "more warning"));
  }
  for (std::string& warning : warnings) {
    if (warning.size() > warning_bytes_max) {
      warning = base::beginning(warning, warning_bytes_max);
    }
  }
}

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

base::Error no_memory() {
  return {base::ErrorKind::limit, "there was no memory for the run"};
}

InstanceRunner::InstanceRunner(std::unique_ptr<ConfiguredCheck> configured, RunnerOptions options)
    : InstanceRunner(std::move(configured),
                     std::make_shared<const RunnerOptions>(std::move(options))) {}

InstanceRunner::InstanceRunner(std::unique_ptr<ConfiguredCheck> configured,
                               std::shared_ptr<const RunnerOptions> options)
    : configured_(std::move(configured)),
      options_(std::move(options)),
      http_(dynamic_cast<HttpCheck*>(configured_->check.get())),
      component_(memtrack_component_id(("check:" + configured_->instance->check_name).c_str())),
      aggregator_(options_->aggregator) {
  stats_.instance = configured_->instance;
  stats_.interval = configured_->interval;
}

const metrics::Snapshot& InstanceRunner::run() {
  if (!snapshot_) {
    snapshot_ = std::make_unique<metrics::Snapshot>();
  }
  const base::Instant began = now();
  finish(began, run_check(), *snapshot_);
  count(*snapshot_);
  return *snapshot_;
}

template <typename Work>
base::Result<RunReport> InstanceRunner::in_scope(Work run) {
  const auto work = [&]() -> base::Result<RunReport> {
    try {
      return run();
    } catch (const std::bad_alloc&) {
      out_of_memory_ = true;
      base::refill_memory_reserve();
      return tl::unexpected(no_memory());
    }
  };
  if (!options_->run_memory || configured_->check->profiles_itself()) {
    const memtrack::Scope scope(component_);
    return work();
  }
  const memtrack_component of_run = memtrack_run_begin(component_);
  auto outcome = [&] {
    const memtrack::Scope scope(of_run);
    return work();
  }();
  const std::uint64_t alive = memtrack_run_end(of_run);
  if (outcome) {
    submit_alive(alive);
  }
  return outcome;
}

void InstanceRunner::submit_alive(std::uint64_t bytes) {
  if (!alive_bytes_) {
    alive_bytes_ = metrics::make_context(
        {.name = "datadog.agent.profile.memory.check_run_alloc",
         .tags = {"check_name:" + instance().check_name,
                  "check_version:" + instance().check_version},
         .host = {},
         .help = "Bytes that the run of a check allocated and that are alive at its end"});
  }
  sink().submit(metrics::Sample{.context = alive_bytes_, .value = base::Number::of(bytes)});
}

base::Result<RunReport> InstanceRunner::run_check() {
  return in_scope([this] { return configured_->check->run(sink()); });
}

base::Result<net::HttpRequestPtr> InstanceRunner::request() {
  const memtrack::Scope scope(component_);
  try {
    return http_->request();
  } catch (const std::bad_alloc&) {
    out_of_memory_ = true;
    base::refill_memory_reserve();
    return tl::unexpected(no_memory());
  }
}

net::BodyFilterPtr InstanceRunner::filter() {
  const memtrack::Scope scope(component_);
  try {
    return http_->filter();
  } catch (const std::bad_alloc&) {
    return nullptr;  // the page comes whole, as far as there is memory for it
  }
}

base::Result<RunReport> InstanceRunner::consume(const net::HttpResult& response) {
  return in_scope([&] { return http_->consume(response, sink()); });
}

void InstanceRunner::finish(const base::Instant& began, const base::Result<RunReport>& outcome,
                            metrics::Snapshot& snapshot) {
  snapshot.instance = configured_->instance;
  if (std::exchange(out_of_memory_, false)) {
    give_up(began, snapshot);
    return;
  }
  try {
    settle(began, outcome, snapshot);
  } catch (const std::bad_alloc&) {
    give_up(began, snapshot);
  }
}

void InstanceRunner::give_up(const base::Instant& began, metrics::Snapshot& snapshot) {
  aggregator_.abandon(snapshot);
  base::refill_memory_reserve();
  snapshot.duration = snapshot.time.steady - began.steady;
  snapshot.error = no_memory();
  snapshot.body_bytes = 0;
  snapshot.failed_runs = stats_.failed_runs + 1;
}

void InstanceRunner::settle(const base::Instant& began, const base::Result<RunReport>& outcome,
                            metrics::Snapshot& snapshot) {
  aggregator_.commit(snapshot);
  snapshot.duration = snapshot.time.steady - began.steady;
  if (outcome) {
    snapshot.error.reset();
    snapshot.warnings.insert(snapshot.warnings.begin(), outcome->warnings.begin(),
                             outcome->warnings.end());
    limit_warnings(snapshot.warnings);
    snapshot.body_bytes = outcome->body_bytes;
    for (const auto& [reason, count] : outcome->dropped) {
      snapshot.dropped[reason] += count;
    }
  } else {
    snapshot.error = base::Error{outcome.error().kind,
                                 base::beginning(outcome.error().message, error_bytes_max)};
    snapshot.body_bytes = 0;
  }
  snapshot.failed_runs = snapshot.error ? stats_.failed_runs + 1 : 0;
  if (options_->check_status) {
    snapshot.service_checks.push_back(check_status(snapshot));
  }
}

}  // namespace heapwatch::check::schedule
