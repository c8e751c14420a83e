#define Py_BUILD_CORE 1 /* for the lists themselves */
#include "check/python/memory/free_lists.h"

#include <Python.h>
#include <internal/pycore_gc.h>
#include <internal/pycore_interp.h>
#include <internal/pycore_pystate.h>

#if PY_VERSION_HEX < 0x030B0000 || PY_VERSION_HEX >= 0x030C0000
#error "the free lists are those of CPython 3.11"
#endif

_Static_assert(PyTuple_NFREELISTS == heapwatch_tuple_lists, "as many lists of tuples");
_Static_assert(PyTuple_MAXFREELIST == heapwatch_tuples_max, "tuples kept of each length");
_Static_assert(PyList_MAXFREELIST == heapwatch_lists_max, "lists kept");
_Static_assert(PyDict_MAXFREELIST == heapwatch_dicts_max, "dicts kept");

static int suspended = 0;
static int passed_by = 0;
static heapwatch_object_died object_died;
static destructor float_dealloc;
static destructor tuple_dealloc;
static destructor list_dealloc;
static destructor dict_dealloc;
static allocfunc list_alloc;
static allocfunc dict_alloc;
static vectorcallfunc list_vectorcall;

/* A list or dict that died is now in its free list, if it is of the exact type: let it go. */
static void let_lists_go(struct _Py_list_state* lists) {
  while (lists->numfree > 0) {
    PyObject_GC_Del(lists->free_list[--lists->numfree]);
  }
}

static void let_dicts_go(struct _Py_dict_state* dicts) {
  while (dicts->numfree > 0) {
    PyObject_GC_Del(dicts->free_list[--dicts->numfree]);
  }
}

static void watched_float_dealloc(PyObject* object) {
  const int is_exact = PyFloat_CheckExact(object);
  float_dealloc(object);
  if (suspended && is_exact) {
    object_died(object, heapwatch_kind_float);
  }
}

/* CPython bounds the depth of deallocations only for a type whose tp_dealloc is its own, so the
 * three below do it themselves. */

static void watched_tuple_dealloc(PyObject* object) {
  const Py_ssize_t length = PyTuple_CheckExact(object) ? PyTuple_GET_SIZE(object) : 0;
  PyObject_GC_UnTrack(object);
  Py_TRASHCAN_BEGIN(object, watched_tuple_dealloc) tuple_dealloc(object);
  if (suspended && length >= 1 && length <= heapwatch_tuple_lists) {
    object_died(_Py_AS_GC(object), heapwatch_kind_tuple + (int)length - 1);
  }
  Py_TRASHCAN_END
}

static void watched_list_dealloc(PyObject* object) {
  const int is_exact = PyList_CheckExact(object);
  PyObject_GC_UnTrack(object);
  Py_TRASHCAN_BEGIN(object, watched_list_dealloc) list_dealloc(object);
  if (suspended) {
    let_lists_go(&_PyInterpreterState_GET()->list);
    if (is_exact) {
      object_died(_Py_AS_GC(object), heapwatch_kind_list);
    }
  }
  Py_TRASHCAN_END
}

static void watched_dict_dealloc(PyObject* object) {
  const int is_exact = PyDict_CheckExact(object);
  PyObject_GC_UnTrack(object);
  Py_TRASHCAN_BEGIN(object, watched_dict_dealloc) dict_dealloc(object);
  if (suspended) {
    let_dicts_go(&_PyInterpreterState_GET()->dict_state);
    if (is_exact) {
      object_died(_Py_AS_GC(object), heapwatch_kind_dict);
    }
  }
  Py_TRASHCAN_END
}

static PyObject* watched_list_alloc(PyTypeObject* type, Py_ssize_t items) {
  passed_by = type == &PyList_Type;
  return list_alloc(type, items);
}

static PyObject* watched_dict_alloc(PyTypeObject* type, Py_ssize_t items) {
  passed_by = type == &PyDict_Type;
  return dict_alloc(type, items);
}

static PyObject* watched_list_vectorcall(PyObject* type, PyObject* const* args, size_t count,
                                         PyObject* names) {
  passed_by = type == (PyObject*)&PyList_Type;
  PyObject* const list = list_vectorcall(type, args, count, names);
  passed_by = 0;
  return list;
}

/* Lists that look empty to whoever takes and full to whoever gives. */
static int suspend_floats(struct _Py_float_state* floats) {
  int found = 0;
  PyFloatObject* object = floats->free_list;
  floats->free_list = NULL;
  floats->numfree = heapwatch_floats_max;
  while (object != NULL) {
    PyFloatObject* const next = (PyFloatObject*)Py_TYPE(object);
    PyObject_Free(object);
    object = next;
    ++found;
  }
  return found;
}

static int suspend_tuples(struct _Py_tuple_state* tuples, int i) {
  int found = 0;
  PyTupleObject* object = tuples->free_list[i];
  tuples->free_list[i] = NULL;
  tuples->numfree[i] = heapwatch_tuples_max;
  while (object != NULL) {
    PyTupleObject* const next = (PyTupleObject*)object->ob_item[0];
    PyObject_GC_Del(object);
    object = next;
    ++found;
  }
  return found;
}

static void watch_types(void) {
  float_dealloc = PyFloat_Type.tp_dealloc;
  tuple_dealloc = PyTuple_Type.tp_dealloc;
  list_dealloc = PyList_Type.tp_dealloc;
  dict_dealloc = PyDict_Type.tp_dealloc;
  list_alloc = PyList_Type.tp_alloc;
  dict_alloc = PyDict_Type.tp_alloc;
  list_vectorcall = PyList_Type.tp_vectorcall;
  PyFloat_Type.tp_dealloc = watched_float_dealloc;
  PyTuple_Type.tp_dealloc = watched_tuple_dealloc;
  PyList_Type.tp_dealloc = watched_list_dealloc;
  PyDict_Type.tp_dealloc = watched_dict_dealloc;
  PyList_Type.tp_alloc = watched_list_alloc;
  PyDict_Type.tp_alloc = watched_dict_alloc;
  PyList_Type.tp_vectorcall = watched_list_vectorcall;
}

heapwatch_free_list_sizes heapwatch_free_lists_suspend(heapwatch_object_died died) {
  PyInterpreterState* const interpreter = _PyInterpreterState_GET();
  heapwatch_free_list_sizes found = {0};
  found.counts[heapwatch_kind_float] = suspend_floats(&interpreter->float_state);
  found.counts[heapwatch_kind_list] = interpreter->list.numfree;
  found.counts[heapwatch_kind_dict] = interpreter->dict_state.numfree;
  for (int i = 0; i < heapwatch_tuple_lists; ++i) {
    found.counts[heapwatch_kind_tuple + i] = suspend_tuples(&interpreter->tuple, i);
  }
  object_died = died;
  let_lists_go(&interpreter->list);
  let_dicts_go(&interpreter->dict_state);
  if (!suspended) {
    watch_types();
    suspended = 1;
  }
  return found;
}

void heapwatch_free_lists_resume(void) {
  if (!suspended) {
    return;
  }
  PyInterpreterState* const interpreter = _PyInterpreterState_GET();
  if (interpreter->float_state.free_list == NULL) {
    interpreter->float_state.numfree = 0;
  }
  for (int i = 0; i < heapwatch_tuple_lists; ++i) {
    if (interpreter->tuple.free_list[i] == NULL) {
      interpreter->tuple.numfree[i] = 0;
    }
  }
  PyFloat_Type.tp_dealloc = float_dealloc;
  PyTuple_Type.tp_dealloc = tuple_dealloc;
  PyList_Type.tp_dealloc = list_dealloc;
  PyDict_Type.tp_dealloc = dict_dealloc;
  PyList_Type.tp_alloc = list_alloc;
  PyDict_Type.tp_alloc = dict_alloc;
  PyList_Type.tp_vectorcall = list_vectorcall;
  suspended = 0;
}

void heapwatch_free_lists_drop_tables(void) {
  struct _Py_dict_state* const dicts = &_PyInterpreterState_GET()->dict_state;
  while (dicts->keys_numfree > 0) {
    PyObject_Free(dicts->keys_free_list[--dicts->keys_numfree]);
  }
}

const int* heapwatch_free_floats(void) {
  return &_PyInterpreterState_GET()->float_state.numfree;
}

int heapwatch_free_lists_passed_by(void) {
  const int result = passed_by;
  passed_by = 0;
  return result;
}
