// `/api/v1/http_sd`: what is watched, for the http_sd of Prometheus, Pyroscope and others.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/wiring/discovered.h"
#include "agent/wiring/reload.h"
#include "net/routes.h"

namespace heapwatch::agent::pages {

/// Called on the threads of the server.
struct HttpSdSources {
  std::function<std::shared_ptr<const wiring::InForce>()> in_force;
  std::function<std::vector<wiring::DiscoveredTarget>()> discovered;
};

/// A group a target: HOST:PORT, with its tags as labels, `__scheme__`, and of ours
/// `__meta_heapwatch_check`, `__meta_heapwatch_url` (without its query) and
/// `__meta_heapwatch_path`. Unix sockets, and addresses that come from a secret, are left out.
/// `check`: those of that check alone.
[[nodiscard]] std::string http_sd_page(const wiring::InForce& in_force,
                                       const std::vector<wiring::DiscoveredTarget>& discovered,
                                       const std::optional<std::string>& check);

[[nodiscard]] net::Route http_sd_route(HttpSdSources sources);

}  // namespace heapwatch::agent::pages
