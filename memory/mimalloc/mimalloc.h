// mimalloc 2: a program's own, or the allocator of a free-threaded CPython.
#pragma once

#include "memory/picture.h"

namespace heapwatch::memory::mimalloc {

/// Splits segments that it recognises. A free-threaded CPython of which none is recognised is
/// named, and not split.
[[nodiscard]] Found find(const Look& look);

}  // namespace heapwatch::memory::mimalloc
