// Memory that the process holds and does not need, given back to the system.
#pragma once

#include <cstddef>

namespace heapwatch::base {

/// Has the allocator be sparing, as suits a process that mostly waits. Before there are threads.
void spare_memory();

/// Gives back the pages of code and constants that only the start needed, and the holes in the
/// heap. Code that runs again comes back from the page cache, at a microsecond for some pages.
/// Returns the bytes of the mappings it went over. Threads: any.
std::size_t release_unused_memory();

}  // namespace heapwatch::base
