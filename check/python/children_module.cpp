// The Python module `_heapwatch_children`: what Python code that starts processes needs of the
// agent. Its users are in heapwatch_support.children.
#include <pthread.h>

#include <csignal>

#include "check/python/agent_state.h"
#include "check/python/forked_child.h"
#include "check/python/modules.h"

namespace heapwatch::check::python {

namespace {

PyObject* group(PyObject* /*module*/, PyObject* /*args*/) {
  pid_t leader = 0;
  Py_BEGIN_ALLOW_THREADS;
  leader = child_group();
  Py_END_ALLOW_THREADS;
  return PyLong_FromLong(leader);
}

PyObject* keep(PyObject* /*module*/, PyObject* args) {
  long child = 0;
  if (PyArg_ParseTuple(args, "l", &child) == 0) {
    return nullptr;
  }
  const Services& services = agent_state().services;
  if (services.keep_child != nullptr && child > 1) {
    services.keep_child(static_cast<pid_t>(child));
  }
  Py_RETURN_NONE;
}

/// call_unblocked(function, arguments): with no signal blocked on this thread. A program that is
/// started inherits what the thread that starts it blocks.
PyObject* call_unblocked(PyObject* /*module*/, PyObject* args) {
  PyObject* function = nullptr;
  PyObject* arguments = nullptr;
  PyObject* keywords = nullptr;
  if (PyArg_ParseTuple(args, "OO!|O!", &function, &PyTuple_Type, &arguments, &PyDict_Type,
                       &keywords) == 0) {
    return nullptr;
  }
  sigset_t none;
  sigset_t before;
  sigemptyset(&none);
  (void)pthread_sigmask(SIG_SETMASK, &none, &before);
  PyObject* const result = PyObject_Call(function, arguments, keywords);
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return result;
}

PyMethodDef methods[] = {
    {"group", guarded<group>, METH_NOARGS, nullptr},
    {"keep", guarded<keep>, METH_VARARGS, nullptr},
    {"call_unblocked", guarded<call_unblocked>, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = module_of("_heapwatch_children", methods);

}  // namespace

pid_t child_group() noexcept {
  const Services& services = agent_state().services;
  return services.child_group != nullptr ? services.child_group() : 0;
}

void add_children_module() {
  PyImport_AppendInittab("_heapwatch_children", [] { return PyModule_Create(&definition); });
}

}  // namespace heapwatch::check::python
