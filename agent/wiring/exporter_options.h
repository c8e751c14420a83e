// From heapwatch.yaml to the options of the parts that do not know of it.
#pragma once

#include "base/error.h"
#include "check/schedule/scheduler.h"
#include "config/agent_config.h"
#include "exporters/dogstatsd/dogstatsd_exporter.h"
#include "exporters/prometheus/exporter.h"

namespace heapwatch::agent::wiring {

/// Errors: invalid, when the address is none.
[[nodiscard]] base::Result<exporters::dogstatsd::DogStatsdOptions> dogstatsd_options(
    const config::AgentConfig& agent);
[[nodiscard]] exporters::prometheus::PrometheusOptions prometheus_options(
    const config::AgentConfig& agent);
[[nodiscard]] metrics::HistogramOptions histogram_options(const config::AgentConfig& agent);
[[nodiscard]] check::schedule::RunnerOptions runner_options(const config::AgentConfig& agent);
[[nodiscard]] check::schedule::SchedulerOptions scheduler_options(const config::AgentConfig& agent);

}  // namespace heapwatch::agent::wiring
