// What the operating system says of this process.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace heapwatch::base {

/// What /proc/PID/stat tells of a process.
struct ProcessStat {
  std::chrono::duration<double> cpu{0};  // user and system time
  std::uint64_t threads = 0;
  std::uint64_t start_ticks = 0;  // since the machine started, by sysconf(_SC_CLK_TCK)
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_bytes = 0;
};
/// Nothing when the text is cut.
[[nodiscard]] std::optional<ProcessStat> parse_process_stat(std::string_view text);

/// CPU time of this process, from a clock of nanoseconds.
[[nodiscard]] std::chrono::duration<double> cpu_time();

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
