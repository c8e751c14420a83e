// Lines on their way to a descriptor whose reader may be slow, or have stopped.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace heapwatch::base {

struct LineQueueOptions {
  int descriptor = 2;
  // What may wait; as much again may be with the thread that writes.
  std::size_t lines_max = 10'000;
  std::size_t bytes_max = std::size_t{1} << 20U;
  /// The line, with its end, that stands where so many lines are missing.
  std::function<std::string(std::uint64_t lost)> loss_line;
};

/// A bounded queue and the thread that writes what is in it, in order and whole lines only. What it
/// has no room for is dropped and counted; when the reader goes on, a line says how many were lost.
///
/// Threads: all may be called from any thread. A fork must not happen within a call: whoever forks
/// calls lock() before and unlock() after it, in both processes. The child has no thread that
/// writes and calls nothing else.
class LineQueue {
 public:
  explicit LineQueue(LineQueueOptions options);
  LineQueue(const LineQueue&) = delete;
  LineQueue& operator=(const LineQueue&) = delete;
  /// Leaves the thread behind when it stands in a write; see drain().
  ~LineQueue();

  /// Never waits for the reader. `line` has its end.
  void push(std::string_view line);

  /// Waits until everything pushed is written; false when it took longer.
  [[nodiscard]] bool drain(std::chrono::milliseconds patience);

  [[nodiscard]] std::uint64_t lost() const;

  void lock();
  void unlock();

 private:
  struct State;
  std::shared_ptr<State> state_;  // the thread's too
};

}  // namespace heapwatch::base
