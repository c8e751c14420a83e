// The runtime's own records of its heap: spans, arenas, the page allocator, profiles.
#pragma once

#include <vector>

#include "memory/golang/golang.h"

namespace heapwatch::memory::golang {

/// Unclaimed anonymous memory that is the runtime's own, by address, apart from one another.
[[nodiscard]] std::vector<process::Range> records_of(const Look& look, const Heap& heap);

}  // namespace heapwatch::memory::golang
