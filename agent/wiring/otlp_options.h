// From `otlp` to the options of its exporter.
#pragma once

#include "base/error.h"
#include "config/agent_config.h"
#include "exporters/otlp/exporter.h"

namespace heapwatch::agent::wiring {

/// Without what the exporter collects. Errors: invalid, when an address is none.
[[nodiscard]] base::Result<exporters::otlp::OtlpOptions> otlp_options(
    const config::AgentConfig& agent);

}  // namespace heapwatch::agent::wiring
