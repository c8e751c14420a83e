#include "exporters/remote_write/exporter.h"

#include <algorithm>
#include <new>
#include <utility>

#include "exporters/push/figures.h"
#include "exporters/push/own_rows.h"

namespace heapwatch::exporters::remote_write {

RemoteWriteExporter::RemoteWriteExporter(const CommonOptions& common,
                                         prometheus::Collectables collectables,
                                         std::chrono::milliseconds own_interval)
    : clock_(common.clock), collectables_(std::move(collectables)), own_interval_(own_interval) {}

base::Result<std::unique_ptr<RemoteWriteExporter>> RemoteWriteExporter::start(
    RemoteWriteOptions options) {
  auto exporter = std::unique_ptr<RemoteWriteExporter>(new RemoteWriteExporter(
      options.common, std::move(options.collectables), options.own_interval));
  for (EndpointOptions& endpoint : options.endpoints) {
    auto started = Endpoint::start(std::move(endpoint), options.common);
    if (!started) {
      return tl::unexpected(started.error());
    }
    exporter->endpoints_.push_back(std::move(*started));
  }
  return exporter;
}

base::Result<void> RemoteWriteExporter::publish(const metrics::Snapshot& snapshot) {
  try {
    for (const auto& endpoint : endpoints_) {
      endpoint->publish(snapshot);
    }
    publish_own();
  } catch (const std::bad_alloc&) {
    lose(snapshot);
  }
  return {};
}

/// Here, and not on a thread of its own: who publishes knows that what is collected is there.
void RemoteWriteExporter::publish_own() {
  const base::Instant now = clock_();
  if (collectables_.empty() || now.steady < own_due_) {
    return;
  }
  own_due_ = now.steady + own_interval_;
  const std::vector<OwnRow> rows = push::own_rows(collectables_);
  for (const auto& endpoint : endpoints_) {
    endpoint->publish_own(rows, now);
  }
}

class RemoteWriteExporter::Slices final : public Publication {
 public:
  Slices(RemoteWriteExporter& exporter, const metrics::Snapshot& snapshot)
      : exporter_(exporter), snapshot_(snapshot) {
    parts_.reserve(exporter.endpoints_.size());
    for (const auto& endpoint : exporter.endpoints_) {
      parts_.push_back(endpoint->begin(snapshot));
    }
  }

  bool advance() override {
    try {
      if (at_ < parts_.size() && !parts_[at_]->advance()) {
        ++at_;
      }
      if (at_ < parts_.size()) {
        return true;
      }
      exporter_.publish_own();
    } catch (const std::bad_alloc&) {
      exporter_.lose(snapshot_);
    }
    return false;
  }

 private:
  RemoteWriteExporter& exporter_;
  const metrics::Snapshot& snapshot_;
  std::vector<std::unique_ptr<Publication>> parts_;
  std::size_t at_ = 0;
};

std::unique_ptr<Publication> RemoteWriteExporter::begin(const metrics::Snapshot& snapshot) {
  try {
    return std::make_unique<Slices>(*this, snapshot);
  } catch (const std::bad_alloc&) {
    lose(snapshot);
    return nullptr;
  }
}

/// Its series end where there is memory to say so.
void RemoteWriteExporter::lose(const metrics::Snapshot& snapshot) noexcept {
  losses_.add(*snapshot.instance);
  for (const auto& endpoint : endpoints_) {
    try {
      endpoint->forget(*snapshot.instance);
    } catch (const std::bad_alloc&) {
      continue;
    }
  }
}

void RemoteWriteExporter::forget(const metrics::Instance& instance) {
  for (const auto& endpoint : endpoints_) {
    endpoint->forget(instance);
  }
}

void RemoteWriteExporter::hand_over(const metrics::Instance& instance) {
  for (const auto& endpoint : endpoints_) {
    endpoint->hand_over(instance);
  }
}

ExporterFigures RemoteWriteExporter::figures() const {
  std::vector<std::pair<std::string, Figures>> endpoints;
  endpoints.reserve(endpoints_.size());
  for (const auto& endpoint : endpoints_) {
    endpoints.emplace_back(endpoint->name(), endpoint->figures());
  }
  return push::figures_of(
      "heapwatch_remote_write", endpoints,
      std::chrono::floor<std::chrono::milliseconds>(clock_().wall.time_since_epoch()).count());
}

bool RemoteWriteExporter::drain(std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  bool is_drained = true;
  for (const auto& endpoint : endpoints_) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    is_drained = endpoint->drain(std::max(left, std::chrono::milliseconds{0})) && is_drained;
  }
  return is_drained;
}

}  // namespace heapwatch::exporters::remote_write
