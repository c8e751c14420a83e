// The Python module `_heapwatch_memory`: the allocation tracer as the profiler, which is written in
// Python, uses it.
#pragma once

#include "check/python/host.h"
#include "check/python/object.h"

namespace heapwatch::check::python::memory {

/// Makes `_heapwatch_memory` importable; before the interpreter starts, once per process.
void add_memory_module();

/// The module itself, for whoever loads it as an extension.
[[nodiscard]] PyObject* make_memory_module();

/// Whether this thread runs the part of a check's run that is not to know that its memory is
/// profiled: a base package that profiles by itself would do what we do already.
[[nodiscard]] bool tracemalloc_is_hidden() noexcept;

/// `services` with the tracer, and tracemalloc while it traces, told of what is allocated.
[[nodiscard]] Services traced(const Services& services);

}  // namespace heapwatch::check::python::memory
