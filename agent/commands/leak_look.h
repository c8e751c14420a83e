// One look at a target of `heapwatch leak`, as leak::Look has it.
#pragma once

#include <chrono>
#include <string>

#include "agent/commands/leak_target.h"
#include "base/error.h"
#include "leak/looks.h"

namespace heapwatch::agent::commands {

/// A look and what it cost.
struct TakenLook {
  leak::Look look;
  double cpu_seconds = 0;              // of ours
  std::vector<std::string> missing;    // what could not be seen, and what would allow it
  unsigned long long start_ticks = 0;  // who the pid is; 0: not known
};

struct LookOptions {
  bool types = false;    // count objects by type: takes longer
  bool collect = false;  // have Go collect its garbage first
};

/// Errors: not_found when the process has ended; those of a survey. A page that does not answer is
/// missing, and no error, but where there is no process to look at.
[[nodiscard]] base::Result<TakenLook> take_look(const LeakTarget& target,
                                                const LookOptions& options);

}  // namespace heapwatch::agent::commands
