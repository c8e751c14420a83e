#include "exporters/remote_write/exporter.h"

#include <utility>

namespace heapwatch::exporters::remote_write {

base::Result<std::unique_ptr<RemoteWriteExporter>> RemoteWriteExporter::start(
    RemoteWriteOptions options) {
  auto exporter = std::unique_ptr<RemoteWriteExporter>(new RemoteWriteExporter(
      "remote write", "heapwatch_remote_write", options.common.clock, std::move(options.own)));
  for (EndpointOptions& endpoint : options.endpoints) {
    auto started = Endpoint::start(std::move(endpoint), options.common);
    if (!started) {
      return tl::unexpected(started.error());
    }
    exporter->add(std::move(*started));
  }
  return exporter;
}

}  // namespace heapwatch::exporters::remote_write
