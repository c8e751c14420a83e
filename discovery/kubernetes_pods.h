// Pods as the API of Kubernetes tells them, and the targets that they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "discovery/targets.h"

namespace heapwatch::discovery {

/// Each port of each container is a target, and a container without ports is one, with the labels
/// that Prometheus' kubernetes_sd_configs gives to those of the role `pod`.
struct Pod {
  std::string key;  // NAMESPACE/NAME
  Groups targets;   // none while it has no address
};

struct PodList {
  std::vector<Pod> pods;
  std::string version;  // of the list: a watch goes on from there
  std::string rest;     // not empty: there is more, to be asked for by this
};

struct PodEvent {
  enum class Kind : std::uint8_t { set, removed, bookmark, error };
  Kind kind = Kind::bookmark;
  Pod pod;
  std::string version;
  int code = 0;         // of an error: 410 when the version is too old
  std::string message;  // likewise
};

/// Errors: invalid.
[[nodiscard]] base::Result<PodList> parse_pod_list(std::string_view text);
[[nodiscard]] base::Result<PodEvent> parse_pod_event(std::string_view line);

}  // namespace heapwatch::discovery
