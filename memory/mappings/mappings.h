// What a mapping's own name tells: shared memory, the kernel's pages, named anonymous memory.
#pragma once

#include "memory/picture.h"

namespace heapwatch::memory::mappings {

/// [vdso] and its like.
[[nodiscard]] Found find_kernel(const Look& look);

/// /dev/shm, memfd, System V segments, shared anonymous memory.
[[nodiscard]] Found find_shared(const Look& look);

/// Anonymous memory that has a name: [anon:...], and the brk heap when its allocator is not known.
/// Comes after every reader of heaps.
[[nodiscard]] Found find_named(const Look& look);

/// Executable anonymous memory: what a just-in-time compiler writes.
[[nodiscard]] Found find_code(const Look& look);

}  // namespace heapwatch::memory::mappings
