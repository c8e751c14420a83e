// What is on the tracer's books, as the functions of `_heapwatch_memory` that Python calls for it.
#pragma once

#include "check/python/object.h"

namespace heapwatch::check::python::memory {

// With the GIL held; nullptr with an exception set. May throw std::bad_alloc: see guarded().

/// stacks(run): [(id, frames, size, count, import or None, domain)] of what was allocated in the
/// run and is held; 0: between runs, but for the profiler's own.
[[nodiscard]] PyObject* stacks(PyObject* module, PyObject* args);
/// traces(run): [(domain, size, frames, frames there were)], a tuple for each block, as tracemalloc
/// keeps them.
[[nodiscard]] PyObject* traces(PyObject* module, PyObject* args);
/// lines(run, own): [(file, line, import or None, size, count, size of earlier runs, size from
/// between runs)] of what objects hold of that run and those before it, and of what was allocated
/// between runs. `own`: a tuple of folders, whose frames are passed over.
[[nodiscard]] PyObject* lines(PyObject* module, PyObject* args);
/// native_calls(): [(file, line, allocations, bytes)] of all that our modules allocated.
[[nodiscard]] PyObject* native_calls(PyObject* module, PyObject* args);
/// native_held(): bytes of what our modules allocated in runs and is held.
[[nodiscard]] PyObject* native_held(PyObject* module, PyObject* args);
/// domains(): [(name, count, bytes)] of what is held in domains of extension modules.
[[nodiscard]] PyObject* domains(PyObject* module, PyObject* args);
/// profile(ids, labels): profile.proto of what is held of the stacks with these ids.
[[nodiscard]] PyObject* profile(PyObject* module, PyObject* args);

}  // namespace heapwatch::check::python::memory
