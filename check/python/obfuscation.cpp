#include "check/python/obfuscation.h"

#include <array>
#include <string>

#include "check/python/crossing.h"

namespace heapwatch::check::python {

namespace {

/// What a function of our Python code makes of the arguments; its exceptions and an empty answer
/// become a RuntimeError.
PyObject* obfuscated(const char* function, const Object& arguments) {
  const Object module(PyImport_ImportModule("heapwatch_support.obfuscation"));
  const Object name(PyUnicode_InternFromString(function));  // see call_method()
  const Object callable(module && name ? PyObject_GetAttr(module.get(), name.get()) : nullptr);
  const Object result(callable && arguments ? PyObject_CallObject(callable.get(), arguments.get())
                                            : nullptr);
  if (!result) {
    PyObject* type = nullptr;
    PyObject* value = nullptr;
    PyObject* traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    const Object owned_type(type);
    const Object owned_value(value);
    const Object owned_traceback(traceback);
    const Object text(value != nullptr ? PyObject_Str(value) : nullptr);
    PyErr_SetString(PyExc_RuntimeError,
                    text ? text_of(text.get()).value_or("").c_str() : "the query cannot be read");
    return nullptr;
  }
  const std::string text = text_of(result.get()).value_or("");
  if (text.empty()) {
    PyErr_SetString(PyExc_RuntimeError, "result is empty");
    return nullptr;
  }
  return text_to_python(text).release();
}

}  // namespace

PyObject* obfuscate_sql(PyObject* /*module*/, PyObject* args, PyObject* keywords) {
  static const std::array<const char*, 3> names{"query", "options", nullptr};
  const char* query = nullptr;
  const char* options = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, keywords, "s|s", const_cast<char**>(names.data()), &query,
                                  &options) == 0) {
    return nullptr;
  }
  return obfuscated("sql", Object(Py_BuildValue("(ss)", query, options == nullptr ? "" : options)));
}

PyObject* obfuscate_sql_exec_plan(PyObject* /*module*/, PyObject* args) {
  const char* plan = nullptr;
  PyObject* normalize = nullptr;
  if (PyArg_ParseTuple(args, "s|O", &plan, &normalize) == 0) {
    return nullptr;
  }
  return obfuscated("sql_plan",
                    Object(Py_BuildValue("(sO)", plan, normalize == Py_True ? Py_True : Py_False)));
}

PyObject* obfuscate_mongodb_string(PyObject* /*module*/, PyObject* args) {
  const char* command = nullptr;
  if (PyArg_ParseTuple(args, "s", &command) == 0) {
    return nullptr;
  }
  return obfuscated("mongodb", Object(Py_BuildValue("(s)", command)));
}

}  // namespace heapwatch::check::python
