#include "agent/wiring/remote_write_options.h"

#include <utility>

#include "agent/wiring/exporter_options.h"
#include "agent/wiring/receiver_options.h"
#include "agent/wiring/write_relabel.h"
#include "config/receivers.h"
#include "exporters/prometheus/labels.h"

namespace heapwatch::agent::wiring {

base::Result<exporters::remote_write::RemoteWriteOptions> remote_write_options(
    const config::AgentConfig& agent) {
  using exporters::remote_write::Version;
  exporters::remote_write::RemoteWriteOptions options;
  options.common.suffixes = agent.prometheus.suffixes;
  options.common.labels =
      exporters::prometheus::labels_of(metrics::TagsAndHost(agent.tags, std::nullopt), {});
  options.common.histogram = histogram_options(agent);
  options.own.interval = agent.min_collection_interval;
  for (const config::RemoteWriteConfig& remote : config::remote_write_of(agent.settings)) {
    auto receiver = receiver_options("remote write", "remote_write", agent, remote);
    if (!receiver) {
      return tl::unexpected(receiver.error());
    }
    options.endpoints.push_back({.receiver = *std::move(receiver),
                                 .version = remote.version_2 ? Version::v2 : Version::v1,
                                 .external_labels = remote.external_labels,
                                 .relabel = write_relabel(agent.settings, options.endpoints.size()),
                                 .metadata = remote.send_metadata,
                                 .metadata_interval = remote.metadata_interval});
  }
  return options;
}

}  // namespace heapwatch::agent::wiring
