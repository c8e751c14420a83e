// The Python modules `util`, `tagger`, `kubeutil` and `containers`. heapwatch asks neither an
// orchestrator nor a container runtime, so that the last three know no entity.
#include <array>
#include <string>
#include <utility>

#include "check/python/container_filter.h"
#include "check/python/modules.h"

namespace heapwatch::check::python {

namespace {

enum Cardinality : int { low = 0, orchestrator = 1, high = 2 };

/// [] for every entity.
PyObject* tag(PyObject* /*module*/, PyObject* args) {
  const char* entity = nullptr;
  int cardinality = 0;
  if (PyArg_ParseTuple(args, "si", &entity, &cardinality) == 0) {
    return nullptr;
  }
  if (cardinality < Cardinality::low || cardinality > Cardinality::high) {
    PyErr_SetString(PyExc_TypeError, "Invalid cardinality");
    return nullptr;
  }
  return PyList_New(0);
}

PyObject* get_tags(PyObject* /*module*/, PyObject* args) {
  const char* entity = nullptr;
  int high_card = 0;
  return PyArg_ParseTuple(args, "si", &entity, &high_card) == 0 ? nullptr : PyList_New(0);
}

PyObject* get_connection_info(PyObject* /*module*/, PyObject* /*args*/) {
  return PyDict_New();
}

PyObject* is_excluded(PyObject* /*module*/, PyObject* args) {
  const char* name = nullptr;
  const char* image = nullptr;
  const char* name_space = nullptr;
  if (PyArg_ParseTuple(args, "ss|s", &name, &image, &name_space) == 0) {
    return nullptr;
  }
  return PyBool_FromLong(
      is_container_excluded(
          {.name = name, .image = image, .name_space = name_space == nullptr ? "" : name_space})
          ? 1
          : 0);
}

PyMethodDef util_methods[] = {
    {"headers", with_keywords<http_headers>(), METH_VARARGS | METH_KEYWORDS, nullptr},
    {nullptr, nullptr, 0, nullptr}};
PyMethodDef tagger_methods[] = {{"tag", guarded<tag>, METH_VARARGS, nullptr},
                                {"get_tags", guarded<get_tags>, METH_VARARGS, nullptr},
                                {nullptr, nullptr, 0, nullptr}};
PyMethodDef kubeutil_methods[] = {
    {"get_connection_info", guarded<get_connection_info>, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};
PyMethodDef containers_methods[] = {{"is_excluded", guarded<is_excluded>, METH_VARARGS, nullptr},
                                    {nullptr, nullptr, 0, nullptr}};

PyModuleDef util_module = module_of("util", util_methods);
PyModuleDef tagger_module = module_of("tagger", tagger_methods);
PyModuleDef kubeutil_module = module_of("kubeutil", kubeutil_methods);
PyModuleDef containers_module = module_of("containers", containers_methods);

PyObject* init_tagger() {
  PyObject* const module = PyModule_Create(&tagger_module);
  if (module != nullptr) {
    PyModule_AddIntConstant(module, "LOW", Cardinality::low);
    PyModule_AddIntConstant(module, "ORCHESTRATOR", Cardinality::orchestrator);
    PyModule_AddIntConstant(module, "HIGH", Cardinality::high);
  }
  return module;
}

}  // namespace

void add_util_module() {
  PyImport_AppendInittab("util", [] { return PyModule_Create(&util_module); });
}

void add_tagger_module() {
  PyImport_AppendInittab("tagger", init_tagger);
}

void add_kubeutil_module() {
  PyImport_AppendInittab("kubeutil", [] { return PyModule_Create(&kubeutil_module); });
}

void add_containers_module() {
  PyImport_AppendInittab("containers", [] { return PyModule_Create(&containers_module); });
}

}  // namespace heapwatch::check::python
