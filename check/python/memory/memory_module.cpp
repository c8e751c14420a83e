#include "check/python/memory/memory_module.h"

#include <utility>
#include <vector>

#include "base/trend.h"
#include "check/python/memory/allocation_tracer.h"
#include "check/python/memory/free_lists.h"
#include "check/python/memory/held_tables.h"
#include "check/python/memory/import_watch.h"
#include "check/python/memory/native_domain.h"
#include "check/python/memory/object_census.h"

namespace heapwatch::check::python::memory {

namespace {

PyObject* start(PyObject* /*module*/, PyObject* args) {
  Py_ssize_t frames = 0;
  if (PyArg_ParseTuple(args, "n", &frames) == 0) {
    return nullptr;
  }
  if (frames < 1 || frames > static_cast<Py_ssize_t>(AllocationTracer::frames_max)) {
    PyErr_SetString(PyExc_ValueError, "the number of frames must be in range [1; 65535]");
    return nullptr;
  }
  if (tracer().is_active()) {
    PyErr_SetString(PyExc_RuntimeError, "the allocation tracer is tracing already");
    return nullptr;
  }
  if (!ImportWatch::instance().start()) {
    return nullptr;
  }
  (void)tracer().start(static_cast<std::size_t>(frames));
  Py_RETURN_NONE;
}

PyObject* stop(PyObject* /*module*/, PyObject* /*args*/) {
  const bool was_active = tracer().is_active();
  const bool is_complete = tracer().stop();
  if (was_active) {
    ImportWatch::instance().stop();
  }
  return PyBool_FromLong(static_cast<long>(is_complete));
}

PyObject* clear(PyObject* /*module*/, PyObject* /*args*/) {
  tracer().clear();
  Py_RETURN_NONE;
}

/// Takes its argument without a tuple around it, which would be a block of the run that ends.
PyObject* set_run(PyObject* /*module*/, PyObject* number) {
  const long run = PyLong_AsLong(number);
  if (run == -1 && PyErr_Occurred() != nullptr) {
    return nullptr;
  }
  if (run < 0 || run > static_cast<long>(AllocationTracer::runs_max)) {
    PyErr_SetString(PyExc_ValueError, "the number of a run must be in range [0; 1048575]");
    return nullptr;
  }
  tracer().set_run(static_cast<std::uint32_t>(run));
  Py_RETURN_NONE;
}

PyObject* is_active(PyObject* /*module*/, PyObject* /*args*/) {
  return PyBool_FromLong(static_cast<long>(tracer().is_active()));
}

PyObject* lost(PyObject* /*module*/, PyObject* /*args*/) {
  return PyLong_FromUnsignedLongLong(tracer().lost());
}

/// drop_caches(): what CPython keeps, up to some number, for its own speed: names of attributes
/// that were looked up, and tables of dicts.
PyObject* drop_caches(PyObject* /*module*/, PyObject* /*args*/) {
  PyType_ClearCache();
  heapwatch_free_lists_drop_tables();
  Py_RETURN_NONE;
}

/// own(whether) -> whether before: see AllocationTracer::enter_own_work(). Allocates nothing.
PyObject* own(PyObject* /*module*/, PyObject* whether) {
  return PyBool_FromLong(
      static_cast<long>(AllocationTracer::enter_own_work(PyObject_IsTrue(whether) == 1)));
}

/// trend(values) -> (kind, is certain, rate, lowest, highest rate, growth, last rise): see
/// base::find_trend().
PyObject* trend(PyObject* /*module*/, PyObject* values) {
  const Object list(PySequence_Fast(values, "the values must be a sequence"));
  if (!list) {
    return nullptr;
  }
  std::vector<double> numbers;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
    numbers.push_back(PyFloat_AsDouble(PySequence_Fast_GET_ITEM(list.get(), i)));
  }
  if (PyErr_Occurred() != nullptr) {
    return nullptr;
  }
  const base::TrendResult found = base::find_trend(numbers, {.may_skip_half = true});
  return Py_BuildValue("(sOddddn)", base::to_text(found.trend).data(),
                       found.is_certain ? Py_True : Py_False, found.late.value, found.late.low,
                       found.late.high, found.growth, static_cast<Py_ssize_t>(found.last_rise));
}

PyObject* objects(PyObject* /*module*/, PyObject* /*args*/) {
  return object_census();
}

thread_local bool hidden = false;

/// hide_tracemalloc(whether) -> whether before: see tracemalloc_is_hidden().
PyObject* hide_tracemalloc(PyObject* /*module*/, PyObject* args) {
  int hide = 0;
  if (PyArg_ParseTuple(args, "p", &hide) == 0) {
    return nullptr;
  }
  return PyBool_FromLong(static_cast<long>(std::exchange(hidden, hide != 0)));
}

PyMethodDef methods[] = {
    {"start", guarded<start>, METH_VARARGS, nullptr},
    {"stop", guarded<stop>, METH_NOARGS, nullptr},
    {"clear", guarded<clear>, METH_NOARGS, nullptr},
    {"set_run", guarded<set_run>, METH_O, nullptr},
    {"drop_caches", guarded<drop_caches>, METH_NOARGS, nullptr},
    {"own", guarded<own>, METH_O, nullptr},
    {"trend", guarded<trend>, METH_O, nullptr},
    {"is_active", guarded<is_active>, METH_NOARGS, nullptr},
    {"lost", guarded<lost>, METH_NOARGS, nullptr},
    {"stacks", guarded<stacks>, METH_VARARGS, nullptr},
    {"traces", guarded<traces>, METH_VARARGS, nullptr},
    {"lines", guarded<lines>, METH_VARARGS, nullptr},
    {"native_calls", guarded<native_calls>, METH_NOARGS, nullptr},
    {"native_held", guarded<native_held>, METH_NOARGS, nullptr},
    {"domains", guarded<domains>, METH_NOARGS, nullptr},
    {"profile", guarded<profile>, METH_VARARGS, nullptr},
    {"hide_tracemalloc", guarded<hide_tracemalloc>, METH_VARARGS, nullptr},
    {"objects", guarded<objects>, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = module_of("_heapwatch_memory", methods);

Services untraced;

void* traced_allocate(std::size_t bytes) noexcept {
  void* const block = untraced.allocate(bytes);
  AllocationTracer::note_native(block, bytes);
  if (block != nullptr) {
    heapwatch_track_native(block, bytes);
  }
  return block;
}

void traced_release(void* block) noexcept {
  AllocationTracer::forget_native(block);
  heapwatch_untrack_native(block);
  untraced.release(block);
}

}  // namespace

bool tracemalloc_is_hidden() noexcept {
  return hidden;
}

PyObject* make_memory_module() {
  return PyModule_Create(&definition);
}

void add_memory_module() {
  PyImport_AppendInittab("_heapwatch_memory", make_memory_module);
}

Services traced(const Services& services) {
  untraced = services;
  Services result = services;
  result.allocate = traced_allocate;
  result.release = traced_release;
  return result;
}

}  // namespace heapwatch::check::python::memory
