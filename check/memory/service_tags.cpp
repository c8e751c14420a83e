#include "check/memory/service_tags.h"

#include "memory/process/group_names.h"

namespace heapwatch::check::memory {

metrics::Tags service_tags(std::string_view cgroup_text) {
  const auto names = heapwatch::memory::process::names_of_groups(cgroup_text);
  metrics::Tags tags;
  if (!names.unit.empty()) {
    tags.push_back("systemd_unit:" + names.unit);
  }
  if (!names.container.empty()) {
    tags.push_back("container_id:" + names.container);
  }
  if (!names.pod.empty()) {
    tags.push_back("pod_uid:" + names.pod);
  }
  return tags;
}

}  // namespace heapwatch::check::memory
