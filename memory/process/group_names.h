// Which service, container and pod a process belongs to, as its control groups are named.
#pragma once

#include <string>
#include <string_view>

namespace heapwatch::memory::process {

/// Empty: it belongs to none.
struct GroupNames {
  std::string unit;       // "nginx.service"; of units that are no services none is known
  std::string container;  // 64 digits: Docker, containerd, CRI-O, Podman
  std::string pod;        // the uid of a pod of Kubernetes, with dashes
};

/// Of the text of /proc/PID/cgroup.
[[nodiscard]] GroupNames names_of_groups(std::string_view cgroup_text);

/// Whether one of the groups is that of a unit. `unit` without a dot is a service.
[[nodiscard]] bool is_in_unit(std::string_view cgroup_text, std::string_view unit);

/// Whether one of the groups is `path` ("/system.slice/nginx.service") or below it.
[[nodiscard]] bool is_in_group(std::string_view cgroup_text, std::string_view path);

}  // namespace heapwatch::memory::process
