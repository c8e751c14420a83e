// The HTTP options of an instance and its init_config, as the request they describe.
#pragma once

#include <optional>

#include "config/agent_config.h"
#include "config/section.h"
#include "net/http.h"

namespace heapwatch::check::http {

/// Everything but the URL. `proxy`, `skip_proxy`, `use_agent_proxy` and `timeout` may stand in
/// init_config, and the instance's own go before them; all others are the instance's alone.
/// Absent when something is wrong, which the diagnostics of the sections then hold.
///
/// An option that would make a request safer is obeyed or refused, never passed over.
[[nodiscard]] std::optional<net::HttpRequest> read_http_options(config::Section& init_config,
                                                                config::Section& instance,
                                                                const config::AgentConfig& agent);

}  // namespace heapwatch::check::http
