// Switches the accounting of a running process on and off: `heapwatch exec --on PID`, `--off PID`.
#pragma once

#include "agent/commands/commands.h"

namespace heapwatch::agent::commands {

/// Of a process that runs under `heapwatch exec`, by the socket of who watches it; of one that has
/// the library loaded and that nobody watches, in its books. Returns the exit status.
[[nodiscard]] int switch_accounting(const ExecOptions& options);

}  // namespace heapwatch::agent::commands
