// What is told of the processes that the check `memory` watches.
#pragma once

#include <vector>

#include "check/memory/board.h"

namespace heapwatch::check {

/// Of all instances. Threads: any.
[[nodiscard]] std::vector<memory::ProcessVerdict> memory_verdicts();

}  // namespace heapwatch::check
