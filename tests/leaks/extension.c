// A C extension of the corpus: keep(bytes) forgets a block of its own, lend(bytes) gives it back.
#include <Python.h>
#include <stdlib.h>
#include <string.h>

static void* volatile forgotten;

__attribute__((noinline)) static void forget_block(size_t bytes) {
  forgotten = malloc(bytes);
  memset(forgotten, 1, bytes);
}

static PyObject* keep(PyObject* self, PyObject* number) {
  (void)self;
  const size_t bytes = PyLong_AsSize_t(number);
  if (bytes == (size_t)-1 && PyErr_Occurred() != NULL) {
    return NULL;
  }
  forget_block(bytes);
  Py_RETURN_NONE;
}

static PyObject* lend(PyObject* self, PyObject* number) {
  (void)self;
  const size_t bytes = PyLong_AsSize_t(number);
  if (bytes == (size_t)-1 && PyErr_Occurred() != NULL) {
    return NULL;
  }
  forgotten = malloc(bytes);
  memset(forgotten, 1, bytes);
  free(forgotten);
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"keep", keep, METH_O, NULL}, {"lend", lend, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "leaks_extension", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_leaks_extension(void);
PyMODINIT_FUNC PyInit_leaks_extension(void) {
  return PyModule_Create(&module);
}
