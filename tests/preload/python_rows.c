/* An extension of Python: allocates in C beneath Python, and calls Python beneath C. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>

__attribute__((noinline)) static void* copy_row(size_t size) {
  void* const row = malloc(size);
  __asm__ volatile("" ::: "memory"); /* no tail call: the frame stays */
  return row;
}

static PyObject* copy(PyObject* module, PyObject* size) {
  (void)module;
  return PyLong_FromVoidPtr(copy_row(PyLong_AsSize_t(size)));
}

static PyObject* call_twice(PyObject* module, PyObject* function) {
  (void)module;
  Py_XDECREF(PyObject_CallNoArgs(function));
  return PyObject_CallNoArgs(function);
}

static PyMethodDef methods[] = {{"copy", copy, METH_O, NULL},
                                {"call_twice", call_twice, METH_O, NULL},
                                {NULL, NULL, 0, NULL}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "rows", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_rows(void) {
  return PyModule_Create(&definition);
}
