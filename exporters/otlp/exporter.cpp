#include "exporters/otlp/exporter.h"

#include <utility>

namespace heapwatch::exporters::otlp {

base::Result<std::unique_ptr<OtlpExporter>> OtlpExporter::start(OtlpOptions options) {
  auto exporter = std::unique_ptr<OtlpExporter>(
      new OtlpExporter("otlp", "heapwatch_otlp", options.common.clock, std::move(options.own)));
  for (EndpointOptions& endpoint : options.endpoints) {
    auto started = Endpoint::start(std::move(endpoint), options.common);
    if (!started) {
      return tl::unexpected(started.error());
    }
    exporter->add(std::move(*started));
  }
  return exporter;
}

}  // namespace heapwatch::exporters::otlp
