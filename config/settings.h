// The agent's options as one map, for checks that ask for an option by its key.
#pragma once

#include "config/agent_config.h"
#include "config/value.h"

namespace heapwatch::config {

/// `file` (the map of heapwatch.yaml, or null) with each known option of `config` set over it.
/// Options that are empty by default and were not set are not there.
[[nodiscard]] Value settings(const AgentConfig& config, Value file);

}  // namespace heapwatch::config
