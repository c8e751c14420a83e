// The reader of glibc's malloc: live, free and overhead of every arena, and the large blocks.
#pragma once

#include "memory/picture.h"

namespace heapwatch::memory::glibc {

/// Claims the arenas' heaps and the blocks with a mapping of their own. Self-check: the walk ends
/// at the top chunk, the pieces are as large as the arena says, the large blocks as many and as
/// large as glibc counts them. An arena that fails is claimed as a whole, without a split.
[[nodiscard]] Found find(const Look& look);

}  // namespace heapwatch::memory::glibc
