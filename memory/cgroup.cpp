#include "memory/cgroup.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

namespace heapwatch::memory {

namespace {

/// The first number of a file; absent when it has none ("max").
std::optional<std::uint64_t> number_in(const std::string& path) {
  std::ifstream in(path);
  std::uint64_t value = 0;
  return in >> value ? std::optional(value) : std::nullopt;
}

/// The number behind a word at a line's begin; 0 when there is none.
std::uint64_t field_in(const std::string& path, const std::string& name) {
  std::ifstream in(path);
  std::string word;
  std::uint64_t value = 0;
  while (in >> word >> value) {
    if (word == name) {
      return value;
    }
  }
  return 0;
}

std::optional<Cgroup> read_v2(const std::string& path, const std::string& root) {
  const std::string folder = root + path;
  const auto current = number_in(folder + "/memory.current");
  if (!current) {
    return std::nullopt;
  }
  const std::string stat = folder + "/memory.stat";
  const std::uint64_t inactive = field_in(stat, "inactive_file");
  return Cgroup{.version = 2,
                .path = path,
                .limit_bytes = number_in(folder + "/memory.max"),
                .current_bytes = *current,
                .working_set_bytes = *current - std::min(*current, inactive),
                .anonymous_bytes = field_in(stat, "anon"),
                .page_cache_bytes = field_in(stat, "file"),
                .kernel_bytes = field_in(stat, "kernel"),
                .oom_kills = field_in(folder + "/memory.events", "oom_kill")};
}

std::optional<Cgroup> read_v1(const std::string& path, const std::string& root) {
  const std::string folder = root + "/memory" + path;
  const auto current = number_in(folder + "/memory.usage_in_bytes");
  if (!current) {
    return std::nullopt;
  }
  const std::string stat = folder + "/memory.stat";
  const std::uint64_t inactive = field_in(stat, "total_inactive_file");
  Cgroup group{.version = 1,
               .path = path,
               .limit_bytes = number_in(folder + "/memory.limit_in_bytes"),
               .current_bytes = *current,
               .working_set_bytes = *current - std::min(*current, inactive),
               .anonymous_bytes = field_in(stat, "total_rss"),
               .page_cache_bytes = field_in(stat, "total_cache"),
               .kernel_bytes = number_in(folder + "/memory.kmem.usage_in_bytes").value_or(0),
               .oom_kills = field_in(folder + "/memory.oom_control", "oom_kill")};
  // No limit is a number near 2^63, rounded to pages.
  constexpr std::uint64_t no_limit = std::numeric_limits<std::int64_t>::max() / 2;
  if (group.limit_bytes && *group.limit_bytes > no_limit) {
    group.limit_bytes.reset();
  }
  return group;
}

/// Whether a list "cpu,memory" names the controller of memory.
bool names_memory(const std::string& controllers) {
  std::istringstream in(controllers);
  std::string one;
  while (std::getline(in, one, ',')) {
    if (one == "memory") {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<Cgroup> read_cgroup(const std::string& text, const std::string& root) {
  std::istringstream lines(text);
  std::string line;
  std::optional<Cgroup> unified;
  while (std::getline(lines, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (names_memory(controllers)) {
      if (auto group = read_v1(path, root)) {
        return group;
      }
    } else if (controllers.empty()) {
      unified = read_v2(path, root);
    }
  }
  return unified;
}

}  // namespace heapwatch::memory
