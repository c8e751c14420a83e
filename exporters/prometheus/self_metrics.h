// heapwatch's own metrics: about the process, and about what its exporters dropped.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/prometheus/negotiation.h"

namespace prometheus {
class Registry;
}  // namespace prometheus

namespace heapwatch::exporters::prometheus {

/// Threads: safe.
class SelfMetrics final : public ::prometheus::Collectable {
 public:
  /// `proc` is where the process is described; a test names its own folder.
  explicit SelfMetrics(const std::string& version, std::string proc = "/proc");
  SelfMetrics(const SelfMetrics&) = delete;
  SelfMetrics& operator=(const SelfMetrics&) = delete;
  ~SelfMetrics() override;

  void count_scrape(Format format);
  /// `reason`: one of the few words of docs/prometheus.md.
  void count_dropped_series(std::string_view reason);

  /// What is in the registry, followed by the `process_` metrics of this moment.
  [[nodiscard]] std::vector<::prometheus::MetricFamily>
  Collect()  // NOLINT(readability-identifier-naming): theirs
      const override;

 private:
  struct Counters;
  std::unique_ptr<::prometheus::Registry> registry_;
  std::unique_ptr<Counters> counters_;
  std::string proc_;
};

}  // namespace heapwatch::exporters::prometheus
