// What is discovered, as the status page and `configcheck` show it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "agent/wiring/discovered.h"

namespace heapwatch::agent::pages {

/// A block a template: its sources, what they say and since when, and what is not watched of it.
[[nodiscard]] std::string discovery_lines(const std::vector<wiring::DiscoveryState>& all,
                                          std::chrono::system_clock::time_point now);
[[nodiscard]] std::string discovery_json(const std::vector<wiring::DiscoveryState>& all);

}  // namespace heapwatch::agent::pages
