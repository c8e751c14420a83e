// What the operating system says of this process.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace heapwatch::base {

/// Fields that /proc does not give stay 0.
struct ProcessUsage {
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::chrono::duration<double> cpu{0};  // user and system time
  std::uint64_t threads = 0;
  std::uint64_t open_descriptors = 0;
  std::uint64_t descriptors_max = 0;
  std::chrono::system_clock::time_point started;
  /// glibc's allocator: bytes in use by the program, and taken from the system for it.
  std::uint64_t malloc_inuse_bytes = 0;
  std::uint64_t malloc_system_bytes = 0;
};

/// Source: /proc/self/stat, /proc/self/fd, getrlimit(), mallinfo2().
/// `proc` is where the process is described; a test names its own folder.
[[nodiscard]] ProcessUsage process_usage(const std::string& proc = "/proc");

/// For those who may be asked at any rate: measured when the last time is longer ago than that.
/// Threads: safe.
[[nodiscard]] ProcessUsage recent_process_usage(std::chrono::milliseconds age_max);

}  // namespace heapwatch::base
