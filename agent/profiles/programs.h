// The programs whose heap profiles heapwatch can have, for who sends them on.
#pragma once

#include <vector>

#include "exporters/pyroscope/program.h"

namespace heapwatch::agent::profiles {

/// heapwatch itself; the processes that the check memory watches, which have none as long as
/// nobody keeps their books; and the Go programs of instances that say `push_profile: true`.
///
/// Threads: any.
[[nodiscard]] std::vector<exporters::pyroscope::Program> programs();

}  // namespace heapwatch::agent::profiles
