// How much memory the interpreter holds.
#pragma once

#include "check/python/host.h"

namespace heapwatch::check::python::memory {

/// Takes the place of CPython's arena allocator and of its raw domain; between the
/// pre-initialisation and the initialisation.
void count_interpreter_memory();

/// Zeros unless it is counted. From any thread.
[[nodiscard]] MemoryUse interpreter_memory();

}  // namespace heapwatch::check::python::memory
