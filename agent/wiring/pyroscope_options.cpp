#include "agent/wiring/pyroscope_options.h"

#include <string>
#include <utility>

#include "agent/wiring/receiver_options.h"
#include "config/receivers.h"

namespace heapwatch::agent::wiring {

namespace {

exporters::pyroscope::Api api_of(config::ProfileApi api) {
  using exporters::pyroscope::Api;
  switch (api) {
    case config::ProfileApi::ingest:
      return Api::ingest;
    case config::ProfileApi::ingest_form:
      return Api::ingest_form;
    default:
      return Api::push;
  }
}

/// Behind a path that the address has; whole addresses stay as they are.
void add_path(std::string& url, std::string_view path) {
  while (url.ends_with('/')) {
    url.pop_back();
  }
  if (!url.ends_with(path)) {
    url += path;
  }
}

}  // namespace

base::Result<exporters::pyroscope::PyroscopeOptions> pyroscope_options(
    const config::AgentConfig& agent) {
  namespace pyroscope = exporters::pyroscope;
  using exporters::prometheus::Labels;
  const config::ProfilesConfig profiles = config::profiles_of(agent.settings);
  pyroscope::PyroscopeOptions options{.endpoints = {}, .interval = profiles.interval};
  const Labels own =
      exporters::prometheus::labels_of(metrics::TagsAndHost(agent.tags, std::nullopt), {});
  for (const config::PushConfig& push : profiles.push) {
    const pyroscope::Api api = api_of(push.api);
    // A queue on the disk holds messages of one API.
    const std::string folder = api == pyroscope::Api::push     ? "profiles-push"
                               : api == pyroscope::Api::ingest ? "profiles-ingest"
                                                               : "profiles-ingest-form";
    auto receiver = receiver_options("pyroscope", folder, agent, push);
    if (!receiver) {
      return tl::unexpected(receiver.error());
    }
    add_path(receiver->request.url, pyroscope::path_of(api));
    Labels labels(push.external_labels.begin(), push.external_labels.end());
    labels.insert(own.begin(), own.end());
    options.endpoints.push_back(
        {.receiver = *std::move(receiver), .api = api, .external_labels = std::move(labels)});
  }
  return options;
}

}  // namespace heapwatch::agent::wiring
