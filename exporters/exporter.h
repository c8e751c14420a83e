// Where snapshots go.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "exporters/own_family.h"
#include "exporters/publication.h"
#include "metrics/snapshot.h"
#include "net/routes.h"

namespace heapwatch::exporters {

/// What an exporter tells of itself.
struct ExporterFigures {
  /// For /debug/vars and `status`.
  std::vector<std::pair<std::string, std::uint64_t>> counters;
  /// Packets that wait to be sent; absent: nothing ever waits.
  std::optional<std::size_t> queued;
  /// For a scrape.
  std::vector<OwnFamily> families;
};

/// Publishes snapshots to one kind of reader. A push exporter sends it now; a pull exporter keeps
/// what the next scrape will show.
///
/// Threads: publish() is called by one thread at a time; an exporter that is also read (a scrape)
/// locks for itself. Errors: what could not be sent is counted by the exporter and logged once;
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

  /// Likewise, and another agent goes on with its series: they have not ended.
  virtual void hand_over(const metrics::Instance& instance) { forget(instance); }

  /// Snapshots for which there was no memory. From any thread.
  [[nodiscard]] virtual std::uint64_t lost() const = 0;

  /// To be called now and then: gives back a little of what large instances left behind; false when
  /// there is no more.
  virtual bool tidy() { return false; }

  /// From any thread.
  [[nodiscard]] virtual ExporterFigures figures() const { return {}; }

  /// The pages of an exporter that is read; it must outlive whoever serves them.
  [[nodiscard]] virtual std::vector<net::Route> pages() const { return {}; }

  /// Waits until everything published is sent or dropped; false when it took longer. From any
  /// thread.
  [[nodiscard]] virtual bool drain(std::chrono::milliseconds /*timeout*/) { return true; }
};

}  // namespace heapwatch::exporters
