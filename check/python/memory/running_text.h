// The text of a str, read where nothing of Python's may be called.
#pragma once

#include <string>

#include "check/python/object.h"

namespace heapwatch::check::python::memory {

/// UTF-8, with lone surrogates as if they were characters ("surrogatepass"). Threads: any, also
/// without the GIL, while `text` lives; a str never changes. May throw std::bad_alloc.
[[nodiscard]] std::string running_text(PyObject* text);

}  // namespace heapwatch::check::python::memory
