#include "memory/process/group_names.h"

#include <algorithm>
#include <functional>

namespace heapwatch::memory::process {

namespace {

constexpr std::size_t container_digits = 64;

/// Calls `take` with the path of each line (`0::/system.slice/a.service`).
void for_each_path(std::string_view text, const std::function<void(std::string_view)>& take) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t controllers = line.find(':');
    const std::size_t path =
        controllers == std::string_view::npos ? controllers : line.find(':', controllers + 1);
    if (path != std::string_view::npos) {
      take(line.substr(path + 1));
    }
  }
}

void for_each_part(std::string_view path, const std::function<void(std::string_view)>& take) {
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (!part.empty()) {
      take(part);
    }
  }
}

bool is_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/// "docker-<id>.scope", "<id>": the digits; empty when it is no container.
std::string_view container_of(std::string_view part) {
  if (part.ends_with(".scope")) {
    part.remove_suffix(std::string_view(".scope").size());
  }
  if (part.size() < container_digits) {
    return {};
  }
  const std::string_view digits = part.substr(part.size() - container_digits);
  const std::string_view before = part.substr(0, part.size() - container_digits);
  const bool is_one = std::all_of(digits.begin(), digits.end(), is_digit) &&
                      (before.empty() || before.back() == '-');
  return is_one ? digits : std::string_view();
}

/// "pod<uid>", "kubepods-burstable-pod<uid>.slice": the uid, with dashes; empty when it is no pod.
std::string pod_of(std::string_view part) {
  if (part.ends_with(".slice")) {
    part.remove_suffix(std::string_view(".slice").size());
  }
  const std::size_t dash = part.starts_with("kubepods-") ? part.rfind('-') : std::string_view::npos;
  if (dash != std::string_view::npos) {
    part.remove_prefix(dash + 1);
  }
  constexpr std::string_view prefix = "pod";
  if (!part.starts_with(prefix)) {
    return {};
  }
  std::string uid(part.substr(prefix.size()));
  std::replace(uid.begin(), uid.end(), '_', '-');  // systemd reads a dash as a level
  constexpr std::size_t uid_digits = 32;
  const bool is_one =
      std::all_of(uid.begin(), uid.end(), [](char c) { return is_digit(c) || c == '-'; }) &&
      uid.size() - static_cast<std::size_t>(std::count(uid.begin(), uid.end(), '-')) == uid_digits;
  return is_one ? uid : std::string();
}

}  // namespace

GroupNames names_of_groups(std::string_view cgroup_text) {
  GroupNames names;
  for_each_path(cgroup_text, [&](std::string_view path) {
    for_each_part(path, [&](std::string_view part) {
      if (part.ends_with(".service")) {
        names.unit = part;
      } else if (const std::string_view id = container_of(part); !id.empty()) {
        names.container = id;
      } else if (std::string uid = pod_of(part); !uid.empty()) {
        names.pod = std::move(uid);
      }
    });
  });
  return names;
}

bool is_in_unit(std::string_view cgroup_text, std::string_view unit) {
  std::string wanted(unit);
  if (wanted.find('.') == std::string::npos) {
    wanted += ".service";
  }
  bool found = false;
  for_each_path(cgroup_text, [&](std::string_view path) {
    for_each_part(path, [&](std::string_view part) { found = found || part == wanted; });
  });
  return found;
}

bool is_in_group(std::string_view cgroup_text, std::string_view path) {
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  bool found = false;
  for_each_path(cgroup_text, [&](std::string_view group) {
    found = found || group == path || path.empty() ||
            (group.starts_with(path) && group[path.size()] == '/');
  });
  return found;
}

}  // namespace heapwatch::memory::process
