// Which objects the interpreter holds, by type.
#pragma once

#include "check/python/object.h"

namespace heapwatch::check::python::memory {

/// A new list of (type, count, bytes): the objects that the garbage collector knows, and all that
/// they refer to directly, each once, with the size that it says it has. nullptr, with a Python
/// error set, when memory runs out. With the GIL held.
[[nodiscard]] PyObject* object_census();

}  // namespace heapwatch::check::python::memory
