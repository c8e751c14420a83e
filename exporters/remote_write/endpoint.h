// One receiver, with all that is kept for it: endpoints know nothing of each other.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "exporters/prometheus/shown.h"
#include "exporters/prometheus/target_values.h"
#include "exporters/push/endpoint.h"
#include "exporters/push/outlet.h"
#include "exporters/remote_write/lanes.h"
#include "exporters/remote_write/parts.h"
#include "exporters/remote_write/series_table.h"
#include "metrics/snapshot.h"

namespace heapwatch::exporters::remote_write {

struct EndpointOptions {
  push::ReceiverOptions receiver;
  Version version = Version::v1;
  std::vector<std::pair<std::string, std::string>> external_labels;
  /// As SeriesTable::Options: write_relabel_configs.
  std::function<std::optional<prometheus::Labels>(prometheus::Labels)> relabel = nullptr;

  // metadata_config
  bool metadata = true;
  std::chrono::milliseconds metadata_interval{60'000};
};

/// What all endpoints have in common.
struct CommonOptions {
  bool suffixes = true;
  prometheus::Labels labels;
  metrics::HistogramOptions histogram;
  base::Clock clock = base::now;
};

/// publish() writes samples into the messages of the lanes; a thread of its own compresses, keeps
/// and sends those that are full, or old enough.
class Endpoint final : public push::Endpoint {
 public:
  /// Errors: io, refused: the queue on the disk; also of the event loop.
  [[nodiscard]] static base::Result<std::unique_ptr<Endpoint>> start(EndpointOptions options,
                                                                     const CommonOptions& common);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  ~Endpoint() override;

  void publish(const metrics::Snapshot& snapshot) override;
  [[nodiscard]] std::unique_ptr<Publication> begin(const metrics::Snapshot& snapshot) override;
  void forget(const metrics::Instance& instance) override { end(instance, lanes_); }
  /// Without stale markers: another agent sends its series from now on.
  void hand_over(const metrics::Instance& instance) override;
  void publish_own(const std::vector<OwnRow>& rows, base::Instant time) override;

  [[nodiscard]] const std::string& name() const override { return outlet_->receiver().name; }
  [[nodiscard]] Figures figures() const override;
  [[nodiscard]] bool drain(std::chrono::milliseconds timeout) override;

 private:
  class Slices;
  struct Instance;

  Endpoint(EndpointOptions options, const CommonOptions& common);

  [[nodiscard]] Instance& instance_of(const metrics::Snapshot& snapshot);
  void end(const metrics::Instance& instance, SampleSink& markers);
  void put_all(Instance& instance, const metrics::Snapshot& snapshot, SeriesTable::Run& run);
  void count_drops();
  void cut_in_time();
  void speak(Version version);
  void send_metadata();

  EndpointOptions options_;
  base::Clock clock_;

  std::mutex mutex_;  // over what publishing needs
  prometheus::ShownValues values_;
  SeriesTable table_;
  SeriesTable::Group own_;
  std::unordered_map<std::string, std::unique_ptr<Instance>> by_id_;
  Lanes lanes_;
  SeriesTable::Counts counted_{};

  std::unique_ptr<push::Outlet> outlet_;
};

}  // namespace heapwatch::exporters::remote_write
