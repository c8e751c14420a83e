// What a DogStatsD client did since it began: its telemetry, and what `status` shows.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

namespace heapwatch::exporters::dogstatsd {

/// Named as the official clients name their telemetry; arrays go by WireType.
struct Counters {
  std::uint64_t metrics = 0;  // values put on lines: one for a gauge, each sample of a histogram
  std::array<std::uint64_t, 3> metrics_by_type{};
  std::uint64_t events = 0;
  std::uint64_t service_checks = 0;
  std::uint64_t unsendable = 0;  // NaN, an infinity, or no name
  std::uint64_t oversize = 0;    // would not fit a packet
  std::uint64_t packets_sent = 0;
  std::uint64_t packets_dropped_queue = 0;   // the queue was full
  std::uint64_t packets_dropped_writer = 0;  // no server, or one that did not read
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_dropped_queue = 0;
  std::uint64_t bytes_dropped_writer = 0;
  std::uint64_t aggregated_context = 0;  // series rendered
  std::array<std::uint64_t, 3> aggregated_context_by_type{};
  bool reachable = true;  // false while packets are known to be lost

  [[nodiscard]] std::uint64_t metric_dropped_on_receive() const { return unsendable + oversize; }
  [[nodiscard]] std::uint64_t packets_dropped() const {
    return packets_dropped_queue + packets_dropped_writer;
  }
  [[nodiscard]] std::uint64_t bytes_dropped() const {
    return bytes_dropped_queue + bytes_dropped_writer;
  }
  friend bool operator==(const Counters&, const Counters&) = default;
};

/// Threads: all functions may be called from any thread.
class SharedCounters {
 public:
  [[nodiscard]] Counters read() const {
    const std::lock_guard lock(mutex_);
    return counters_;
  }
  template <typename Change>
  void update(Change change) {
    const std::lock_guard lock(mutex_);
    change(counters_);
  }

 private:
  mutable std::mutex mutex_;
  Counters counters_;
};

}  // namespace heapwatch::exporters::dogstatsd
