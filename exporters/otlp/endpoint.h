// One receiver of OTLP, with all that is kept for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "exporters/otlp/encoder.h"
#include "exporters/otlp/points.h"
#include "exporters/prometheus/shown.h"
#include "exporters/prometheus/target_values.h"
#include "exporters/push/endpoint.h"
#include "exporters/push/outlet.h"
#include "metrics/snapshot.h"

namespace heapwatch::exporters::otlp {

struct EndpointOptions {
  push::ReceiverOptions receiver;
  Source source;
};

/// What all endpoints have in common.
struct CommonOptions {
  metrics::HistogramOptions histogram;
  base::Clock clock = base::now;
};

/// publish() writes points into a message; a thread of its own compresses, keeps and sends those
/// that are full, or old enough. Messages go one after the other, so that a receiver gets the
/// points of each series in the order of time.
class Endpoint final : public push::Endpoint {
 public:
  /// Errors: those of Outlet::start().
  [[nodiscard]] static base::Result<std::unique_ptr<Endpoint>> start(EndpointOptions options,
                                                                     const CommonOptions& common);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  ~Endpoint() override;

  void publish(const metrics::Snapshot& snapshot) override;
  [[nodiscard]] std::unique_ptr<Publication> begin(const metrics::Snapshot& snapshot) override;
  void forget(const metrics::Instance& instance) override;
  void publish_own(const std::vector<push::OwnRow>& rows, base::Instant time) override;

  [[nodiscard]] const std::string& name() const override { return outlet_->receiver().name; }
  [[nodiscard]] push::Figures figures() const override { return outlet_->figures(); }
  [[nodiscard]] bool drain(std::chrono::milliseconds timeout) override;

 private:
  class Slices;
  struct Instance;

  Endpoint(EndpointOptions options, const CommonOptions& common);

  [[nodiscard]] Instance& instance_of(const metrics::Instance& instance);
  void begin_run(Instance& instance, const metrics::Snapshot& snapshot);
  void put(Starts& starts, const metrics::Context& context, prometheus::FamilyType type,
           std::span<const base::Number> values, std::int64_t time_ns);
  void put_series(Instance& instance, const metrics::Series& series, std::int64_t time_ns);
  void end_run(Starts& starts, std::int64_t time_ns);
  void add(const Point& point);
  void cut();

  EndpointOptions options_;
  base::Clock clock_;

  std::mutex mutex_;  // over what publishing needs
  prometheus::ShownValues values_;
  Encoder encoder_;
  push::Batch counts_;  // of what the encoder holds
  bool is_timed_ = false;
  Starts own_;
  std::unordered_map<std::string, std::unique_ptr<Instance>> by_id_;

  std::unique_ptr<push::Outlet> outlet_;
};

}  // namespace heapwatch::exporters::otlp
