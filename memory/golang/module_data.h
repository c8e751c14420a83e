// The parts of a module's data that are Go's, and not C's beside it.
#pragma once

#include <vector>

#include "memory/process/modules.h"

namespace heapwatch::memory::golang {

/// In order, apart from one another. Where Go's own record of them is not found, all writable
/// segments.
[[nodiscard]] std::vector<process::Range> data_of(const process::ProcessView& view,
                                                  const process::Module& module);

}  // namespace heapwatch::memory::golang
