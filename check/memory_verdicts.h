// What is told of the processes that the check `memory` watches.
#pragma once

#include <vector>

#include "check/memory/board.h"
#include "check/memory/sightings.h"

namespace heapwatch::check {

/// Of all instances. Threads: any.
[[nodiscard]] std::vector<memory::ProcessVerdict> memory_verdicts();

/// What is seen of them. Threads: any.
[[nodiscard]] memory::Sightings& memory_sightings();

}  // namespace heapwatch::check
