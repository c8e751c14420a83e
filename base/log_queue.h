// The log of a program that must not wait for who reads it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace heapwatch::base {

/// While it lives, lines of the log wait in a bounded queue for a thread that writes them: log()
/// never waits for who reads standard error. Lines that have no room are dropped and counted, and a
/// line says how many when the reader goes on. In a child forked meanwhile a line is written where
/// that goes without waiting, and dropped otherwise.
///
/// One at a time. The destructor waits a moment for the lines that are left.
class LogQueue {
 public:
  explicit LogQueue(std::size_t lines_max = 10'000, std::size_t bytes_max = std::size_t{1} << 20U);
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;
  ~LogQueue();
};

/// Waits until the queue is written, but no longer than this; for who ends the process.
void flush_log(std::chrono::milliseconds patience);

/// Lines dropped since the process began.
[[nodiscard]] std::uint64_t log_lines_lost();

}  // namespace heapwatch::base
