// The signals that the running agent reads as messages, held back until it can answer them.
#pragma once

#include <csignal>

namespace heapwatch::agent::process {

/// SIGTERM, SIGINT and SIGHUP.
[[nodiscard]] sigset_t handled_signals();

/// Holds them back from the first moment on, also over an exec: one that comes while the agent
/// starts must not end it. Commands that are not the agent let them go again.
[[nodiscard]] bool hold_signals();
void let_signals_go();

}  // namespace heapwatch::agent::process
