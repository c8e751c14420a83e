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

}  // namespace heapwatch::check::memory
