// What `heapwatch leak` is told.
#pragma once

#include <string>
#include <vector>

#include "agent/commands/commands.h"

namespace heapwatch::agent::commands {

/// Beside processes that run: a program that it starts, or a check that it runs.
struct LeakCommand : LeakOptions {
  std::string check;                 // the name of a check to run; empty: none
  std::string instance_filter;       // of its instances: key=value
  int times = 0;                     // runs of the check; 0: as there is time for
  std::vector<std::string> program;  // to start, and its arguments; empty: none
  bool stop = false;                 // end it with SIGTERM when the time is over
  bool is_length_given = false;
};

/// Watches and says whether it leaks. Exits with 3 for a leak and 4 when it cannot tell, where that
/// is asked for.
[[nodiscard]] int tell_leaks(const LeakCommand& options, const wiring::GlobalOptions& global);

}  // namespace heapwatch::agent::commands
