// The Python module `_heapwatch_code`, through which our importer opens files of code.
#include "base/ownership.h"
#include "check/code_trust.h"
#include "check/python/modules.h"
#include "check/python/object.h"

namespace heapwatch::check::python {

namespace {

/// open_owned(path) -> descriptor. Raises OSError: PermissionError where somebody else can write.
PyObject* open_owned(PyObject* /*module*/, PyObject* args) {
  PyObject* bytes = nullptr;
  if (PyArg_ParseTuple(args, "O&", PyUnicode_FSConverter, &bytes) == 0) {
    return nullptr;
  }
  const Object path(bytes);
  auto opened = open_code(PyBytes_AS_STRING(path.get()));
  if (opened) {
    return PyLong_FromLong(opened->release());
  }
  using base::ErrorKind;
  PyObject* const type = opened.error().kind == ErrorKind::refused     ? PyExc_PermissionError
                         : opened.error().kind == ErrorKind::not_found ? PyExc_FileNotFoundError
                                                                       : PyExc_OSError;
  PyErr_SetString(type, opened.error().message.c_str());
  return nullptr;
}

PyMethodDef methods[] = {{"open_owned", guarded<open_owned>, METH_VARARGS, nullptr},
                         {nullptr, nullptr, 0, nullptr}};
PyModuleDef module_definition = module_of("_heapwatch_code", methods);

}  // namespace

void add_code_module() {
  PyImport_AppendInittab("_heapwatch_code", [] { return PyModule_Create(&module_definition); });
}

}  // namespace heapwatch::check::python
