// What a sender counts.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporters/exporter.h"
#include "exporters/push/batch.h"

namespace heapwatch::exporters::push {

struct Figures {
  std::uint64_t samples_sent = 0;
  std::uint64_t bytes_sent = 0;  // of messages that were taken
  std::uint64_t requests_taken = 0;
  std::uint64_t requests_retried = 0;
  std::uint64_t requests_refused = 0;
  std::chrono::nanoseconds request_time{0};  // of all that were answered
  std::uint64_t requests_answered = 0;

  std::uint64_t dropped_refused = 0;     // the receiver does not want them
  std::uint64_t dropped_too_old = 0;     // sample_age_limit
  std::uint64_t dropped_queue_full = 0;  // on disk and in memory
  std::uint64_t dropped_damaged = 0;     // read back from the disk
  std::uint64_t dropped_duplicate = 0;   // a second sample of a series at one time
  std::uint64_t dropped_type = 0;        // of another type than the series of its name and labels

  std::uint64_t queue_samples = 0;  // that wait, or are on their way
  std::uint64_t queue_memory_bytes = 0;
  std::uint64_t queue_disk_bytes = 0;
  bool disk_fails = false;
  std::int64_t oldest_waiting_ms = 0;  // of these; 0: nothing waits
  std::int64_t newest_sent_ms = 0;     // 0: none
  bool reachable = true;
  Version version = Version::v1;
};

/// Threads: all functions may be called from any thread.
class SharedFigures {
 public:
  [[nodiscard]] Figures read() const {
    const std::lock_guard lock(mutex_);
    return figures_;
  }
  template <typename Change>
  void update(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(figures_);
  }

 private:
  mutable std::mutex mutex_;
  Figures figures_;
};

/// How an exporter calls what it counts. Literals.
struct FigureNames {
  std::string_view metrics;          // what the names of the metrics begin with
  std::string_view noun = "sample";  // as Protocol::noun
};

/// Of all endpoints, by their names.
[[nodiscard]] ExporterFigures figures_of(
    const FigureNames& names, const std::vector<std::pair<std::string, Figures>>& endpoints,
    std::int64_t now_ms);

}  // namespace heapwatch::exporters::push
