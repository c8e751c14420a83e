// What `heapwatch leak` is told.
#pragma once

#include <string>
#include <vector>

#include "agent/commands/commands.h"

namespace heapwatch::agent::commands {

/// Beside processes that run: a program that it starts.
struct LeakCommand : LeakOptions {
  std::vector<std::string> program;  // to start, and its arguments; empty: none
  bool stop = false;                 // end it with SIGTERM when the time is over
};

/// Watches and says whether it leaks. Exits with 3 for a leak and 4 when it cannot tell, where that
/// is asked for.
[[nodiscard]] int tell_leaks(const LeakCommand& options);

}  // namespace heapwatch::agent::commands
