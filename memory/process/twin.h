// A picture of a process at one moment: its twin, read in its place.
#pragma once

#include <memory>

#include "base/error.h"
#include "memory/process/live.h"

namespace heapwatch::memory::process {

/// What was seen of a twin, and for how long the process stood still for it.
struct TwinSighting {
  Sighting sighting;
  double stopped_ms = 0;
};

/// Stops a process for as long as a fork takes, and looks at the child that this made. The child is
/// gone once the view is. The work is done by a process of our own that outlives us, so that our
/// end at any moment leaves the program as it was.
///
/// Not from a program with threads: it forks.
///
/// Errors: refused when it has a tracer, a seccomp filter or is stopped by a signal, or the system
/// forbids to trace it; those of look_at.
[[nodiscard]] base::Result<TwinSighting> look_at_twin(int pid, const LiveOptions& options = {});

}  // namespace heapwatch::memory::process
