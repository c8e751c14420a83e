// The metrics page: snapshots kept for the next scrape.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/exporter.h"
#include "exporters/prometheus/collected.h"
#include "exporters/prometheus/labels.h"
#include "exporters/prometheus/negotiation.h"
#include "metrics/aggregates.h"

namespace heapwatch::exporters::prometheus {

class SelfMetrics;

struct PrometheusOptions {
  /// False: counters of the text format keep the name of their metric. OpenMetrics demands
  /// `_total`.
  bool suffixes = true;
  /// On every line whose series does not have the label itself.
  Labels constant_labels;
  /// Percentiles, median, min and max become the quantiles of summaries.
  metrics::HistogramOptions histogram;
  /// Where scrapes and dropped series are counted; its own series are on the page. May be null.
  std::shared_ptr<SelfMetrics> self;
  /// Whose series are on the page too.
  Collectables collectables;
};

struct Page {
  std::string content_type;
  std::string body;
};

/// Shows each series of the last run of each instance with its cumulative face, and for each
/// instance the `heapwatch_target_` series, which stay when its runs fail. Gauges and sets are
/// gauges, all that counts is a counter, histograms are summaries; a service check is a gauge.
///
/// The page is valid whatever is published: of two series that cannot be on it together, the first
/// stays, and the other is counted by reason and logged once. Only where name and labels
/// are the same does the last value win.
///
/// A snapshot for which memory runs out takes its instance off the page until its next run, but for
/// the `heapwatch_target_` series, which then say that the run failed.
///
/// Threads: safe; scrapes do not wait for each other.
/// Errors: publish() has none.
class PrometheusExporter final : public Exporter {
 public:
  explicit PrometheusExporter(const PrometheusOptions& options = {});
  PrometheusExporter(const PrometheusExporter&) = delete;
  PrometheusExporter& operator=(const PrometheusExporter&) = delete;
  ~PrometheusExporter() override;

  [[nodiscard]] base::Result<void> publish(const metrics::Snapshot& snapshot) override;
  [[nodiscard]] std::unique_ptr<Publication> begin(const metrics::Snapshot& snapshot) override;
  void forget(const metrics::Instance& instance) override;
  [[nodiscard]] std::uint64_t lost() const override;
  bool tidy() override;
  [[nodiscard]] std::vector<net::Route> pages() const override;

  /// The page in the format that the Accept header asks for.
  [[nodiscard]] Page render(std::string_view accept_header) const;

 private:
  struct State;
  class Slices;
  std::unique_ptr<State> state_;
};

}  // namespace heapwatch::exporters::prometheus
