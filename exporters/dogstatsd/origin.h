// Which container this process runs in, as the Agent asks for it in the field `c:`.
#pragma once

#include <filesystem>
#include <string>

namespace heapwatch::exporters::dogstatsd {

/// Where the system tells; set apart by tests.
struct OriginPaths {
  std::filesystem::path cgroup = "/proc/self/cgroup";
  std::filesystem::path mountinfo = "/proc/self/mountinfo";
  std::filesystem::path cgroup_namespace = "/proc/self/ns/cgroup";
  std::filesystem::path cgroup_mount = "/sys/fs/cgroup";
};

/// `ci-<container id>` from the process' cgroup paths or its mounts, else `in-<inode>` of its
/// cgroup folder, else nothing: outside of containers.
[[nodiscard]] std::string detect_container(const OriginPaths& paths = {});

}  // namespace heapwatch::exporters::dogstatsd
