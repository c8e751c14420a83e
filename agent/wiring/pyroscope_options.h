// From `profiles` to the options of its exporter.
#pragma once

#include "base/error.h"
#include "config/agent_config.h"
#include "exporters/pyroscope/exporter.h"

namespace heapwatch::agent::wiring {

/// Without the programs. Errors: invalid, when an address is none.
[[nodiscard]] base::Result<exporters::pyroscope::PyroscopeOptions> pyroscope_options(
    const config::AgentConfig& agent);

}  // namespace heapwatch::agent::wiring
