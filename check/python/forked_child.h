// The interpreter in a child that a check forked.
#pragma once

#include <sys/types.h>

#include "check/python/object.h"

namespace heapwatch::check::python {

/// The process group for what checks start; 0: none.
[[nodiscard]] pid_t child_group() noexcept;

/// From now on the locks of this module are free in the child of a fork. Once.
void prepare_forks();

/// Whether this is a child that a check forked. What it submits has nowhere to go.
[[nodiscard]] bool is_forked_child() noexcept;

/// Ends such a child, whose copy of a check's run has come back to the agent's code: the run, and
/// the threads that it would go back to, are the parent's. `result` as AgentCheck.run() returns it,
/// null with the Python error set; the status is that of an interpreter of its own.
[[noreturn]] void end_forked_child(PyObject* result);

}  // namespace heapwatch::check::python
