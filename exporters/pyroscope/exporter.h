// Heap profiles to receivers of Pyroscope's APIs.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "exporters/exporter.h"
#include "exporters/pyroscope/collector.h"
#include "exporters/pyroscope/endpoint.h"

namespace heapwatch::exporters::pyroscope {

struct PyroscopeOptions {
  std::vector<EndpointOptions> endpoints;
  std::chrono::milliseconds interval{60'000};
  Programs programs;
  base::Clock clock = base::now;
};

/// Takes the profiles by itself: snapshots, which hold none, are nothing to it.
class PyroscopeExporter final : public Exporter {
 public:
  /// Errors: those of Endpoint::start() and Collector::start().
  [[nodiscard]] static base::Result<std::unique_ptr<PyroscopeExporter>> start(
      PyroscopeOptions options);

  [[nodiscard]] base::Result<void> publish(const metrics::Snapshot& /*snapshot*/) override {
    return {};
  }
  [[nodiscard]] std::unique_ptr<Publication> begin(const metrics::Snapshot& /*snapshot*/) override {
    return nullptr;
  }
  void forget(const metrics::Instance& /*instance*/) override {}
  [[nodiscard]] std::uint64_t lost() const override { return 0; }
  [[nodiscard]] ExporterFigures figures() const override;
  [[nodiscard]] bool drain(std::chrono::milliseconds timeout) override;

 private:
  explicit PyroscopeExporter(base::Clock clock) : clock_(std::move(clock)) {}

  base::Clock clock_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::unique_ptr<Collector> collector_;  // ends first: it sends to them
};

}  // namespace heapwatch::exporters::pyroscope
