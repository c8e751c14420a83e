// What C code below Python takes from malloc, with the lines of Python above it.
#pragma once

#include "base/error.h"

namespace heapwatch::check::python::memory {

/// Puts each block that code of other objects than ours takes from malloc or operator new, in a
/// thread that runs Python, on the books of the module (see sampled_heap.h) from now on, until it
/// is freed. Every block is a sample. For commands that profile: it costs much. Once, with the GIL.
/// Errors: invalid, when CPython's functions are not found.
[[nodiscard]] base::Result<void> begin_native_watch();

}  // namespace heapwatch::check::python::memory
