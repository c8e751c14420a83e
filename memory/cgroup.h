// The memory of the container (the control group) that a process is in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace heapwatch::memory {

/// Units: bytes.
struct Cgroup {
  int version = 2;
  std::string path;
  std::optional<std::uint64_t> limit_bytes;
  std::uint64_t current_bytes = 0;
  /// What the kubelet evicts by: current less the file pages that were not used lately.
  std::uint64_t working_set_bytes = 0;
  std::uint64_t anonymous_bytes = 0;
  std::uint64_t page_cache_bytes = 0;
  std::uint64_t kernel_bytes = 0;
  std::uint64_t oom_kills = 0;
};

/// `text` is that of /proc/PID/cgroup. Absent when the group's files are not to be seen, as for the
/// root of all groups.
[[nodiscard]] std::optional<Cgroup> read_cgroup(const std::string& text,
                                                const std::string& root = "/sys/fs/cgroup");

}  // namespace heapwatch::memory
