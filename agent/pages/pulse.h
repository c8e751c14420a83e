// Whether the event loop keeps up, seen by a timer of its own.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>

#include "net/event_loop.h"

namespace heapwatch::agent::pages {

/// Threads: begin() belongs to the loop; the readers may be called from any thread.
class Pulse {
 public:
  /// `beat` is called on the loop at every beat; whoever watches the process is told so.
  Pulse(net::EventLoop& loop, std::chrono::microseconds interval, std::function<void()> beat);

  void begin();

  /// How long a task had to wait for the loop: how late the last beat was, or the longest round of
  /// the loop since the beat before, or the round that is going on; and the longest of about the
  /// last minute.
  [[nodiscard]] std::chrono::nanoseconds lag() const;
  [[nodiscard]] std::chrono::nanoseconds lag_max() const;
  [[nodiscard]] std::size_t transfers_running() const { return running_.load(); }
  [[nodiscard]] std::size_t transfers_waiting() const { return waiting_.load(); }

 private:
  void take(std::chrono::steady_clock::time_point due);

  net::EventLoop& loop_;
  std::chrono::microseconds interval_;
  std::function<void()> beat_;
  std::array<std::int64_t, 60> recent_{};
  std::size_t at_ = 0;
  std::atomic<std::int64_t> lag_{0};
  std::atomic<std::int64_t> lag_max_{0};
  std::atomic<std::size_t> running_{0};
  std::atomic<std::size_t> waiting_{0};
};

}  // namespace heapwatch::agent::pages
