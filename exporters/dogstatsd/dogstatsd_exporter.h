// Snapshots to a DogStatsD server: the Datadog Agent, or whoever speaks its protocol.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "exporters/dogstatsd/address.h"
#include "exporters/dogstatsd/counters.h"
#include "exporters/dogstatsd/line.h"
#include "exporters/dogstatsd/packer.h"
#include "exporters/dogstatsd/sender.h"
#include "exporters/exporter.h"
#include "exporters/losses.h"

namespace heapwatch::exporters::dogstatsd {

struct DogStatsdOptions {
  Address address;
  metrics::Tags tags;                // on everything that is sent
  std::string hostname;              // as in LineOptions
  bool origin_detection = true;      // send which container this is
  bool timestamps = false;           // protocol 1.3
  bool telemetry = true;             // datadog.dogstatsd.client.*
  std::size_t packet_bytes_max = 0;  // 0: 1432 for UDP, 8192 for unix sockets
  std::string cardinality;           // none, low, orchestrator or high; empty: not sent
  std::string external_data;
  std::string entity_id;
  /// Send these aggregates of a histogram instead of its samples.
  std::optional<metrics::HistogramOptions> aggregates = std::nullopt;
  std::string client_version = "0";
  std::size_t queue_bytes_max = std::size_t{16} * 1024 * 1024;
  /// How long a packet waits, on the sending thread, for a server that reads slowly.
  std::chrono::milliseconds write_timeout{100};
  base::Clock clock = base::now;
  std::function<void(base::LogLevel, std::string_view)> log = base::log;
};

/// Renders a snapshot, packs its lines, and hands the packets to a thread that sends them at once.
///
/// Threads: publish() by one thread at a time; counters() and drain() from any.
/// Errors: publish() never fails; what is lost is counted, and the log says when the server goes
/// and comes. Of a snapshot for which memory runs out, the series before that are sent.
class DogStatsdExporter final : public Exporter {
 public:
  explicit DogStatsdExporter(DogStatsdOptions options);

  [[nodiscard]] base::Result<void> publish(const metrics::Snapshot& snapshot) override;
  [[nodiscard]] std::unique_ptr<Publication> begin(const metrics::Snapshot& snapshot) override;
  void forget(const metrics::Instance& instance) override;
  [[nodiscard]] std::uint64_t lost() const override { return losses_.count(); }
  bool tidy() override;

  [[nodiscard]] Counters counters() const { return counters_.read(); }

  [[nodiscard]] std::size_t packets_queued() const { return sender_.queued(); }

  [[nodiscard]] ExporterFigures figures() const override;
  [[nodiscard]] bool drain(std::chrono::milliseconds timeout) override {
    return sender_.drain(timeout);
  }

 private:
  class Slices;

  void lose(const metrics::Snapshot& snapshot) noexcept;
  void publish(const metrics::Series& series);
  void publish_rest(const metrics::Snapshot& snapshot);
  void count_one(std::uint64_t Counters::*counter, const Written& written);
  void add_telemetry();
  void pack();

  DogStatsdOptions options_;
  SharedCounters counters_;
  LineWriter writer_;
  Sender sender_;
  Packer packer_;
  std::string lines_;  // rendered and not packed yet
  Losses losses_{"DogStatsD"};

  metrics::Tags telemetry_tags_;
  Counters told_;  // what the telemetry has said already
  std::chrono::steady_clock::time_point telemetry_due_;
};

}  // namespace heapwatch::exporters::dogstatsd
