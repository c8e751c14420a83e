// Snapshots to receivers of OpenTelemetry's OTLP over HTTP.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "exporters/exporter.h"
#include "exporters/losses.h"
#include "exporters/otlp/endpoint.h"
#include "exporters/prometheus/collected.h"

namespace heapwatch::exporters::otlp {

struct OtlpOptions {
  std::vector<EndpointOptions> endpoints;
  CommonOptions common;
  /// Whose series are sent too, at most once in `own_interval`.
  prometheus::Collectables collectables;
  std::chrono::milliseconds own_interval{15'000};
};

/// Sends what the metrics page shows, under the names that checks give, with the time of the run:
/// the series of checks, those about each instance, service checks, and what heapwatch counts of
/// itself.
///
/// Threads: as Exporter. Errors: publish() has none.
class OtlpExporter final : public Exporter {
 public:
  /// Errors: those of Endpoint::start().
  [[nodiscard]] static base::Result<std::unique_ptr<OtlpExporter>> start(OtlpOptions options);

  [[nodiscard]] base::Result<void> publish(const metrics::Snapshot& snapshot) override;
  [[nodiscard]] std::unique_ptr<Publication> begin(const metrics::Snapshot& snapshot) override;
  void forget(const metrics::Instance& instance) override;
  [[nodiscard]] std::uint64_t lost() const override { return losses_.count(); }
  [[nodiscard]] ExporterFigures figures() const override;
  [[nodiscard]] bool drain(std::chrono::milliseconds timeout) override;

 private:
  class Slices;

  OtlpExporter(const CommonOptions& common, prometheus::Collectables collectables,
               std::chrono::milliseconds own_interval);

  void publish_own();
  void lose(const metrics::Snapshot& snapshot) noexcept;

  base::Clock clock_;
  prometheus::Collectables collectables_;
  std::chrono::milliseconds own_interval_;
  std::chrono::steady_clock::time_point own_due_{};
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  Losses losses_{"otlp"};
};

}  // namespace heapwatch::exporters::otlp
