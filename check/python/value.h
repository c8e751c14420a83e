// YAML values as Python objects.
#pragma once

#include "check/python/object.h"
#include "config/value.h"

namespace heapwatch::check::python {

/// Plain scalars get the type YAML 1.1 gives them (null, booleans, numbers); dates stay text.
/// Empty with a Python error set when memory runs out.
[[nodiscard]] Object to_python(const config::Value& value);

}  // namespace heapwatch::check::python
