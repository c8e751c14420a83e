// Where snapshots go.
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "exporters/publication.h"
#include "metrics/snapshot.h"

namespace heapwatch::exporters {

/// Publishes snapshots to one kind of reader. A push exporter sends it now; a pull exporter keeps
/// what the next scrape will show.
///
/// Threads: publish() is called by one thread at a time; an exporter that is also read (a scrape)
/// locks for itself. Errors: what could not be sent is counted by the exporter and told once;
/// publish() never blocks on the other side. A snapshot for which memory runs out is lost, and
/// nothing but that: see lost().
class Exporter {
 public:
  Exporter() = default;
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;
  virtual ~Exporter() = default;

  [[nodiscard]] virtual base::Result<void> publish(const metrics::Snapshot& snapshot) = 0;

  /// publish() in slices; one publication of an instance at a time. Null: the snapshot is lost.
  [[nodiscard]] virtual std::unique_ptr<Publication> begin(const metrics::Snapshot& snapshot) = 0;

  /// The instance is configured no more: what is kept of it goes.
  virtual void forget(const metrics::Instance& instance) = 0;

  /// Snapshots for which there was no memory. From any thread.
  [[nodiscard]] virtual std::uint64_t lost() const = 0;

  /// To be called now and then: gives back a little of what large instances left behind; false when
  /// there is no more.
  virtual bool tidy() { return false; }
};

}  // namespace heapwatch::exporters
