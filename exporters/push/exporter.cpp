#include "exporters/push/exporter.h"

#include <new>
#include <utility>

#include "exporters/push/endpoints.h"

namespace heapwatch::exporters::push {

PushExporter::PushExporter(std::string_view name, std::string_view metrics, base::Clock clock,
                           OwnSeries own)
    : metrics_(metrics), clock_(std::move(clock)), own_(std::move(own)), losses_(name) {}

base::Result<void> PushExporter::publish(const metrics::Snapshot& snapshot) {
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
void PushExporter::publish_own() {
  const base::Instant now = clock_();
  if (own_.collectables.empty() || now.steady < own_due_) {
    return;
  }
  own_due_ = now.steady + own_.interval;
  const std::vector<OwnRow> rows = own_rows(own_.collectables);
  for (const auto& endpoint : endpoints_) {
    endpoint->publish_own(rows, now);
  }
}

class PushExporter::Slices final : public Publication {
 public:
  Slices(PushExporter& exporter, const metrics::Snapshot& snapshot)
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
  PushExporter& exporter_;
  const metrics::Snapshot& snapshot_;
  std::vector<std::unique_ptr<Publication>> parts_;
  std::size_t at_ = 0;
};

std::unique_ptr<Publication> PushExporter::begin(const metrics::Snapshot& snapshot) {
  try {
    return std::make_unique<Slices>(*this, snapshot);
  } catch (const std::bad_alloc&) {
    lose(snapshot);
    return nullptr;
  }
}

/// Its series end where there is memory to say so.
void PushExporter::lose(const metrics::Snapshot& snapshot) noexcept {
  losses_.add(*snapshot.instance);
  for (const auto& endpoint : endpoints_) {
    try {
      endpoint->forget(*snapshot.instance);
    } catch (const std::bad_alloc&) {
      continue;
    }
  }
}

void PushExporter::forget(const metrics::Instance& instance) {
  for (const auto& endpoint : endpoints_) {
    endpoint->forget(instance);
  }
}

void PushExporter::hand_over(const metrics::Instance& instance) {
  for (const auto& endpoint : endpoints_) {
    endpoint->hand_over(instance);
  }
}

ExporterFigures PushExporter::figures() const {
  return figures_of_all({.metrics = metrics_}, endpoints_, clock_);
}

bool PushExporter::drain(std::chrono::milliseconds timeout) {
  return drain_all(endpoints_, timeout);
}

}  // namespace heapwatch::exporters::push
