// From the labels of a target to the address that a check asks, and the tags of its series.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "discovery/targets.h"

namespace heapwatch::discovery {

struct Endpoint {
  std::string url;
  std::string host;  // lower case, an IPv6 address without brackets
  std::uint16_t port = 0;
  std::vector<std::string> tags;  // NAME:VALUE of the labels that do not begin with `__`

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// As Prometheus does it, behind the rules: `__scheme__`, `__address__`, `__metrics_path__` and, as
/// the query, `__param_NAME`. Errors: invalid, with the address.
[[nodiscard]] base::Result<Endpoint> endpoint_of(const Labels& labels);

}  // namespace heapwatch::discovery
