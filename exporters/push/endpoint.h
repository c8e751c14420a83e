// One receiver, as an exporter that pushes sees it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "exporters/publication.h"
#include "exporters/push/figures.h"
#include "exporters/push/own_rows.h"
#include "metrics/snapshot.h"

namespace heapwatch::exporters::push {

/// Threads: publish(), begin(), forget(), hand_over() and publish_own() by one at a time; figures()
/// and drain() from any.
class Endpoint {
 public:
  Endpoint() = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  /// Keeps on the disk what is not sent.
  virtual ~Endpoint() = default;

  /// All of it. Throws std::bad_alloc; then forget() what is kept of the instance.
  virtual void publish(const metrics::Snapshot& snapshot) = 0;
  /// In slices; the same.
  [[nodiscard]] virtual std::unique_ptr<Publication> begin(const metrics::Snapshot& snapshot) = 0;
  virtual void forget(const metrics::Instance& instance) = 0;
  /// As Exporter::hand_over().
  virtual void hand_over(const metrics::Instance& instance) { forget(instance); }
  virtual void publish_own(const std::vector<OwnRow>& rows, base::Instant time) = 0;

  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual Figures figures() const = 0;
  [[nodiscard]] virtual bool drain(std::chrono::milliseconds timeout) = 0;
};

}  // namespace heapwatch::exporters::push
