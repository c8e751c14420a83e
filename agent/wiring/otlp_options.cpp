#include "agent/wiring/otlp_options.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "agent/wiring/exporter_options.h"
#include "agent/wiring/receiver_options.h"
#include "config/receivers.h"

namespace heapwatch::agent::wiring {

namespace {

/// Those of the receiver first, then the tags of the agent; `host`, `env`, `service` and `version`
/// have names of their own in OpenTelemetry.
exporters::otlp::Attributes resource_of(const config::AgentConfig& agent,
                                        const config::OtlpConfig& otlp) {
  static const std::map<std::string_view, std::string_view> names{{"host", "host.name"},
                                                                  {"env", "deployment.environment"},
                                                                  {"service", "service.name"},
                                                                  {"version", "service.version"}};
  std::map<std::string, std::string> attributes(otlp.resource_attributes.begin(),
                                                otlp.resource_attributes.end());
  for (const std::string& tag : agent.tags) {
    const auto colon = tag.find(':');
    const std::string key = tag.substr(0, colon);
    const auto name = names.find(key);
    attributes.emplace(name == names.end() ? key : name->second,
                       colon == std::string::npos ? "true" : tag.substr(colon + 1));
  }
  if (!agent.hostname.empty()) {
    attributes.emplace("host.name", agent.hostname);
  }
  attributes.emplace("service.name", "heapwatch");
  return {attributes.begin(), attributes.end()};
}

}  // namespace

base::Result<exporters::otlp::OtlpOptions> otlp_options(const config::AgentConfig& agent) {
  exporters::otlp::OtlpOptions options;
  options.common.histogram = histogram_options(agent);
  options.own.interval = agent.min_collection_interval;
  for (const config::OtlpConfig& otlp : config::otlp_of(agent.settings)) {
    auto receiver = receiver_options("otlp", "otlp", agent, otlp);
    if (!receiver) {
      return tl::unexpected(receiver.error());
    }
    receiver->lanes = 1;  // the points of a series in the order of time
    options.endpoints.push_back({.receiver = *std::move(receiver),
                                 .source = {.resource = resource_of(agent, otlp),
                                            .scope = "heapwatch",
                                            .scope_version = HEAPWATCH_VERSION}});
  }
  return options;
}

}  // namespace heapwatch::agent::wiring
