// Which service, container and pod a process belongs to, as its control groups are named.
#pragma once

#include <string>
#include <string_view>

#include "metrics/context.h"

namespace heapwatch::check::memory {

/// Of the text of /proc/PID/cgroup: `systemd_unit:nginx.service` for a unit that is a service,
/// `container_id:<64 digits>` (Docker, containerd, CRI-O, Podman) and `pod_uid:<uid>`
/// (Kubernetes). A session, a user's slice and the like have no tag: there are ever new ones.
[[nodiscard]] metrics::Tags service_tags(std::string_view cgroup_text);

/// Whether one of the groups is that of a unit. `unit` without a dot is a service.
[[nodiscard]] bool is_in_unit(std::string_view cgroup_text, std::string_view unit);

/// Whether one of the groups is `path` ("/system.slice/nginx.service") or below it.
[[nodiscard]] bool is_in_group(std::string_view cgroup_text, std::string_view path);

}  // namespace heapwatch::check::memory
