// Snapshots to receivers of OpenTelemetry's OTLP over HTTP.
#pragma once

#include <memory>
#include <vector>

#include "exporters/otlp/endpoint.h"
#include "exporters/push/exporter.h"

namespace heapwatch::exporters::otlp {

struct OtlpOptions {
  std::vector<EndpointOptions> endpoints;
  CommonOptions common;
  push::OwnSeries own;
};

/// Sends what the metrics page shows, under the names that checks give, with the time of the run:
/// the series of checks, those about each instance, service checks, and what heapwatch counts of
/// itself.
class OtlpExporter final : public push::PushExporter {
 public:
  /// Errors: those of Endpoint::start().
  [[nodiscard]] static base::Result<std::unique_ptr<OtlpExporter>> start(OtlpOptions options);

 private:
  using PushExporter::PushExporter;
};

}  // namespace heapwatch::exporters::otlp
