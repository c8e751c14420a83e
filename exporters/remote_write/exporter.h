// Snapshots to receivers of Prometheus' remote write.
#pragma once

#include <memory>
#include <vector>

#include "exporters/push/exporter.h"
#include "exporters/remote_write/endpoint.h"

namespace heapwatch::exporters::remote_write {

struct RemoteWriteOptions {
  std::vector<EndpointOptions> endpoints;
  CommonOptions common;
  push::OwnSeries own;
};

/// Sends what the metrics page shows, with the time of the run: the series of checks, those about
/// each instance, service checks, and what heapwatch counts of itself.
class RemoteWriteExporter final : public push::PushExporter {
 public:
  /// Errors: those of Endpoint::start().
  [[nodiscard]] static base::Result<std::unique_ptr<RemoteWriteExporter>> start(
      RemoteWriteOptions options);

 private:
  using PushExporter::PushExporter;
};

}  // namespace heapwatch::exporters::remote_write
