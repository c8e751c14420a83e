// Snapshots for which an exporter had no memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "metrics/snapshot.h"

namespace heapwatch::exporters {

/// Counts them, and tells the log of the first.
///
/// Threads: add() by one at a time, count() from any. Errors: none; add() is called where
/// std::bad_alloc was caught, and sets memory aside again.
class Losses {
 public:
  /// `where`: what has no memory for the run, as the log names it.
  explicit Losses(std::string_view where) : where_(where) {}

  void add(const metrics::Instance& instance) noexcept;
  [[nodiscard]] std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::string_view where_;  // a literal
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace heapwatch::exporters
