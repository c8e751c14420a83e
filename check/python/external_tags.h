// Tags that checks have for other hosts.
#pragma once

#include "check/python/object.h"

namespace heapwatch::check::python {

/// set_external_tags() of `datadog_agent`.
PyObject* set_external_tags(PyObject* module, PyObject* args);

}  // namespace heapwatch::check::python
