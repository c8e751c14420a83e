// Snapshots to receivers that messages are pushed to, whatever the messages are.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "exporters/exporter.h"
#include "exporters/losses.h"
#include "exporters/prometheus/collected.h"
#include "exporters/push/endpoint.h"

namespace heapwatch::exporters::push {

/// Whose series are sent, too, at most once in `interval`.
struct OwnSeries {
  prometheus::Collectables collectables;
  std::chrono::milliseconds interval{15'000};
};

/// Sends each snapshot to all endpoints, and what heapwatch counts of itself.
///
/// Threads: as Exporter. Errors: publish() has none.
class PushExporter : public Exporter {
 public:
  [[nodiscard]] base::Result<void> publish(const metrics::Snapshot& snapshot) override;
  [[nodiscard]] std::unique_ptr<Publication> begin(const metrics::Snapshot& snapshot) override;
  void forget(const metrics::Instance& instance) override;
  void hand_over(const metrics::Instance& instance) override;
  [[nodiscard]] std::uint64_t lost() const override { return losses_.count(); }
  [[nodiscard]] ExporterFigures figures() const override;
  [[nodiscard]] bool drain(std::chrono::milliseconds timeout) override;

 protected:
  /// `name`: in the log; `metrics`: as of FigureNames. Both are literals.
  PushExporter(std::string_view name, std::string_view metrics, base::Clock clock, OwnSeries own);

  void add(std::unique_ptr<Endpoint> endpoint) { endpoints_.push_back(std::move(endpoint)); }

 private:
  class Slices;

  void publish_own();
  void lose(const metrics::Snapshot& snapshot) noexcept;

  std::string_view metrics_;
  base::Clock clock_;
  OwnSeries own_;
  std::chrono::steady_clock::time_point own_due_{};
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  Losses losses_;
};

}  // namespace heapwatch::exporters::push
