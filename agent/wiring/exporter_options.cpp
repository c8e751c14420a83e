#include "agent/wiring/exporter_options.h"

#include <memory>
#include <utility>

#include "exporters/prometheus/labels.h"
#include "exporters/prometheus/self_metrics.h"

namespace heapwatch::agent::wiring {

base::Result<exporters::dogstatsd::DogStatsdOptions> dogstatsd_options(
    const config::AgentConfig& agent) {
  const config::DogStatsdConfig& dogstatsd = agent.dogstatsd;
  auto address = exporters::dogstatsd::parse_address(dogstatsd.url, dogstatsd.url_shown_as);
  if (!address) {
    return tl::unexpected(address.error());
  }
  exporters::dogstatsd::DogStatsdOptions options{
      .address = *std::move(address),
      .tags = agent.tags,
      .hostname = agent.hostname,
      .origin_detection = dogstatsd.origin_detection,
      .timestamps = dogstatsd.timestamps,
      .telemetry = dogstatsd.telemetry,
      .packet_bytes_max = dogstatsd.packet_bytes_max,
      .cardinality = dogstatsd.cardinality,
      .external_data = dogstatsd.external_data,
      .entity_id = dogstatsd.entity_id,
      .client_version = HEAPWATCH_VERSION,
  };
  if (dogstatsd.histogram_aggregates) {
    options.aggregates = histogram_options(agent);
  }
  return options;
}

exporters::prometheus::PrometheusOptions prometheus_options(const config::AgentConfig& agent) {
  exporters::prometheus::PrometheusOptions options{.suffixes = agent.prometheus.suffixes};
  options.constant_labels =
      exporters::prometheus::labels_of(metrics::TagsAndHost(agent.tags, std::nullopt), {});
  options.histogram = histogram_options(agent);
  options.self = std::make_shared<exporters::prometheus::SelfMetrics>(HEAPWATCH_VERSION);
  return options;
}

metrics::HistogramOptions histogram_options(const config::AgentConfig& agent) {
  return {.aggregates = agent.histogram_aggregates, .percentiles = agent.histogram_percentiles};
}

check::schedule::RunnerOptions runner_options(const config::AgentConfig& agent) {
  check::schedule::RunnerOptions options;
  options.aggregator.limits = {.name_bytes_max = agent.limits.name_bytes_max,
                               .tag_bytes_max = agent.limits.tag_bytes_max,
                               .instance_bytes_max = agent.limits.instance_bytes_max};
  options.check_status = agent.integration_check_status_enabled;
  options.run_memory = agent.tracemalloc_debug;
  return options;
}

check::schedule::SchedulerOptions scheduler_options(const config::AgentConfig& agent) {
  return {.check_runners = agent.check_runners,
          .logging_frequency = agent.logging_frequency,
          .backoff_max = agent.failure_backoff_max,
          .runner = runner_options(agent)};
}

}  // namespace heapwatch::agent::wiring
