// Statements without their values: what database checks may send on.
#pragma once

#include "check/python/object.h"

namespace heapwatch::check::python {

// Functions of `datadog_agent`.
PyObject* obfuscate_sql(PyObject* module, PyObject* args, PyObject* keywords);
PyObject* obfuscate_sql_exec_plan(PyObject* module, PyObject* args);
PyObject* obfuscate_mongodb_string(PyObject* module, PyObject* args);

}  // namespace heapwatch::check::python
