// From the labels of a target to the address that a check asks, and the tags of its series.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "discovery/targets.h"

namespace heapwatch::discovery {

struct Endpoint {
  std::string url;     // of processes of this machine: what `option` says which they are by
  std::string option;  // of the check, which gets it; empty: that of the template
  std::string host;    // lower case, an IPv6 address without brackets
  std::uint16_t port = 0;
  std::vector<std::string> tags;  // NAME:VALUE of the labels that do not begin with `__`

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// As Prometheus does it, behind the rules: `__scheme__`, `__address__`, `__metrics_path__` and, as
/// the query, `__param_NAME`. Errors: invalid, with the address.
[[nodiscard]] base::Result<Endpoint> endpoint_of(const Labels& labels);

/// By which option of the check `memory` the address says which processes are meant.
inline constexpr std::string_view process_option_label = "__process_option__";

/// Of processes of this machine. Errors: invalid.
[[nodiscard]] base::Result<Endpoint> process_endpoint_of(const Labels& labels);

}  // namespace heapwatch::discovery
