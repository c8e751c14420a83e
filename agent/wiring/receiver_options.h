// From a receiver of the configuration to the options of what sends to it.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "config/agent_config.h"
#include "config/receivers.h"
#include "exporters/push/outlet.h"

namespace heapwatch::agent::wiring {

/// `protocol`: as people call it; `folder`: of its queues, in `run_path`. Errors: invalid, when an
/// address is none.
[[nodiscard]] base::Result<exporters::push::ReceiverOptions> receiver_options(
    std::string_view protocol, std::string_view folder, const config::AgentConfig& agent,
    const config::ReceiverConfig& remote);

/// Where it sends to, for people.
[[nodiscard]] std::string shown_address(const exporters::push::ReceiverOptions& receiver);

}  // namespace heapwatch::agent::wiring
