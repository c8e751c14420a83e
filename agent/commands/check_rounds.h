// Runs of a check that another heapwatch follows, which started this one for it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "check/registry.h"
#include "config/agent_config.h"

namespace heapwatch::agent::commands {

/// What the two say to each other, over a socket: "begin SECONDS\n" with the interval of the check,
/// then "run FAILED\n" after each round, which begins when the other has sent a byte: `round_next`.
inline constexpr char round_next = 'n';

/// In the environment: the number of the socket.
inline constexpr const char* rounds_variable = "HEAPWATCH_ROUNDS_SOCKET";

/// The socket, when another has started this process for that.
[[nodiscard]] std::optional<int> rounds_asked();

/// Runs every instance once a round, until the other closes `socket`. Garbage of Python is
/// collected after each, unless the check has switched that off.
[[nodiscard]] int run_rounds(std::vector<std::unique_ptr<check::ConfiguredCheck>> checks,
                             const config::AgentConfig& agent, int socket);

}  // namespace heapwatch::agent::commands
