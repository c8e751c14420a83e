// The names that allocations are put down to.
#pragma once

#include "memtrack/memtrack.h"

namespace heapwatch::memtrack {

void components_before_fork() noexcept;
void components_after_fork() noexcept;

}  // namespace heapwatch::memtrack
