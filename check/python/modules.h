// The modules that Python code finds built in, as in the Datadog Agent.
#pragma once

#include "check/python/object.h"

namespace heapwatch::check::python {

/// Each makes one module importable; before the interpreter starts.
void add_aggregator_module();
void add_datadog_agent_module();
void add_util_module();
void add_subprocess_module();  // `_util`
void add_tagger_module();
void add_kubeutil_module();
void add_containers_module();
void add_children_module();  // `_heapwatch_children`
void add_code_module();      // `_heapwatch_code`

/// headers() of `datadog_agent` and of `util`.
PyObject* http_headers(PyObject* module, PyObject* args, PyObject* keywords);

}  // namespace heapwatch::check::python
