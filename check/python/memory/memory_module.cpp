#include "check/python/memory/memory_module.h"

#include <map>
#include <set>
#include <utility>

#include "check/python/memory/allocation_tracer.h"
#include "check/python/memory/import_watch.h"
#include "check/python/memory/memory_profile.h"
#include "check/python/memory/native_domain.h"
#include "check/python/memory/object_census.h"

namespace heapwatch::check::python::memory {

namespace {

AllocationTracer& tracer() {
  return AllocationTracer::instance();
}

/// Tuples that many stacks share, each made once.
class Frames {
 public:
  /// Of (file, line) from the innermost; one of ("<unknown>", 0) when nothing is known.
  PyObject* of(CallStacks::Id stack) {
    Object& frames = by_stack_[stack];
    if (!frames) {
      frames = make(stack);
    }
    return frames.get();
  }

 private:
  Object make(CallStacks::Id stack) {
    if (const auto* const site = tracer().text_site(stack); site != nullptr) {
      const Object file(PyUnicode_DecodeUTF8(
          site->first.data(), static_cast<Py_ssize_t>(site->first.size()), "surrogatepass"));
      return Object(file ? Py_BuildValue("((Oi))", file.get(), site->second) : nullptr);
    }
    const auto sites = tracer().stacks().sites_of(stack);
    if (sites.empty()) {
      return Object(Py_BuildValue("((si))", "<unknown>", 0));
    }
    Object frames(PyTuple_New(static_cast<Py_ssize_t>(sites.size())));
    for (std::size_t i = 0; frames && i < sites.size(); ++i) {
      PyObject* const frame = frame_of(sites[i]);
      if (frame == nullptr) {
        return nullptr;
      }
      PyTuple_SET_ITEM(frames.get(), static_cast<Py_ssize_t>(i), Py_NewRef(frame));
    }
    return frames;
  }

  PyObject* frame_of(CallStacks::SiteId id) {
    Object& frame = by_site_[id];
    if (!frame) {
      const Site& site = tracer().stacks().site(id);
      frame.reset(Py_BuildValue("(Oi)", site.file.get(), site.line));
    }
    return frame.get();
  }

  std::map<CallStacks::Id, Object> by_stack_;
  std::map<CallStacks::SiteId, Object> by_site_;
};

std::uint32_t import_of(CallStacks::Id stack) {
  return tracer().text_site(stack) != nullptr ? 0 : tracer().stacks()[stack].import;
}

Object import_name(std::uint32_t import) {
  return import == 0 ? borrow(Py_None) : make_text(ImportWatch::instance().name(import));
}

bool append(PyObject* list, PyObject* element) {
  const Object owned(element);
  return owned && PyList_Append(list, owned.get()) == 0;
}

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
    PyErr_SetString(PyExc_ValueError, "the number of a run must be in range [0; 134217727]");
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

struct Total {
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  void add(const Block& block) {
    size += block.size;
    ++count;
  }
};

/// stacks(run): [(id, frames, size, count, import or None, is native)] of what was allocated in the
/// run and is held.
PyObject* stacks(PyObject* /*module*/, PyObject* args) {
  unsigned int run = 0;
  if (PyArg_ParseTuple(args, "I", &run) == 0) {
    return nullptr;
  }
  std::map<std::pair<CallStacks::Id, bool>, Total> totals;
  for (const Block& block : tracer().held()) {
    if (block.run == run && block.reused == 0) {
      totals[{block.stack, block.native != 0}].add(block);
    }
  }
  Object list(PyList_New(0));
  Frames frames;
  for (const auto& [key, total] : totals) {
    const Object import = import_name(import_of(key.first));
    if (!list || !import ||
        !append(list.get(),
                Py_BuildValue("(IOKKOO)", key.first, frames.of(key.first), total.size, total.count,
                              import.get(), key.second ? Py_True : Py_False))) {
      return nullptr;
    }
  }
  return list.release();
}

/// traces(run): [(domain, size, frames, frames there were)], a tuple for each block, as tracemalloc
/// keeps them.
PyObject* traces(PyObject* /*module*/, PyObject* args) {
  unsigned int run = 0;
  if (PyArg_ParseTuple(args, "I", &run) == 0) {
    return nullptr;
  }
  Object list(PyList_New(0));
  Frames frames;
  std::map<std::pair<CallStacks::Id, std::pair<std::uint64_t, bool>>, Object> shared;
  for (const Block& block : tracer().held()) {
    if (block.run != run || block.reused != 0) {
      continue;
    }
    Object& trace = shared[{block.stack, {block.size, block.native != 0}}];
    if (!trace) {
      const bool is_text = tracer().text_site(block.stack) != nullptr;
      const std::uint32_t total = is_text ? 1 : tracer().stacks()[block.stack].total;
      trace.reset(Py_BuildValue("(IKOI)", block.native != 0 ? heapwatch_native_domain : 0,
                                static_cast<unsigned long long>(block.size), frames.of(block.stack),
                                total == 0 ? 1U : total));
    }
    if (!list || !trace || PyList_Append(list.get(), trace.get()) != 0) {
      return nullptr;
    }
  }
  return list.release();
}

/// lines(run): [(file, line, import or None, size, count, size of earlier runs)] of what is held of
/// that run and those before it.
PyObject* lines(PyObject* /*module*/, PyObject* args) {
  unsigned int run = 0;
  if (PyArg_ParseTuple(args, "I", &run) == 0) {
    return nullptr;
  }
  struct Line {
    Total all;
    std::uint64_t earlier = 0;
  };
  std::map<CallStacks::Id, Line> by_stack;
  for (const Block& block : tracer().held()) {
    if (block.run >= 1 && block.run <= run) {
      Line& line = by_stack[block.stack];
      line.all.add(block);
      line.earlier += block.run < run ? block.size : 0;
    }
  }
  Object list(PyList_New(0));
  Frames frames;
  for (const auto& [stack, line] : by_stack) {
    PyObject* const all = frames.of(stack);
    const Object import = import_name(import_of(stack));
    if (!list || all == nullptr || !import) {
      return nullptr;
    }
    PyObject* const innermost = PyTuple_GET_ITEM(all, 0);
    if (!append(list.get(), Py_BuildValue("(OOOKKK)", PyTuple_GET_ITEM(innermost, 0),
                                          PyTuple_GET_ITEM(innermost, 1), import.get(),
                                          line.all.size, line.all.count, line.earlier))) {
      return nullptr;
    }
  }
  return list.release();
}

/// native_calls(): [(file, line, allocations, bytes)] of all that our modules allocated.
PyObject* native_calls(PyObject* /*module*/, PyObject* /*args*/) {
  Object list(PyList_New(0));
  Frames frames;
  for (const auto& [stack, calls] : tracer().native_calls()) {
    PyObject* const all = frames.of(stack);
    if (!list || all == nullptr) {
      return nullptr;
    }
    if (!append(list.get(), Py_BuildValue("(OKK)", all, calls.allocations, calls.bytes))) {
      return nullptr;
    }
  }
  return list.release();
}

/// native_held(): bytes of what our modules allocated in runs and is held.
PyObject* native_held(PyObject* /*module*/, PyObject* /*args*/) {
  std::uint64_t bytes = 0;
  for (const Block& block : tracer().held()) {
    bytes += block.native != 0 && block.run != AllocationTracer::between_runs ? block.size : 0;
  }
  return PyLong_FromUnsignedLongLong(bytes);
}

/// profile(ids, labels): profile.proto of what is held of the stacks with these ids.
PyObject* profile(PyObject* /*module*/, PyObject* args) {
  PyObject* ids = nullptr;
  const char* check_id = nullptr;
  if (PyArg_ParseTuple(args, "Os", &ids, &check_id) == 0) {
    return nullptr;
  }
  std::set<CallStacks::Id> kept;
  const Object iterator(PyObject_GetIter(ids));
  if (!iterator) {
    return nullptr;
  }
  while (const Object id{PyIter_Next(iterator.get())}) {
    const unsigned long number = PyLong_AsUnsignedLong(id.get());
    if (PyErr_Occurred() != nullptr) {
      return nullptr;
    }
    kept.insert(static_cast<CallStacks::Id>(number));
  }
  if (PyErr_Occurred() != nullptr) {
    return nullptr;
  }
  const std::string proto = memory_profile(tracer(), kept, check_id);
  return PyBytes_FromStringAndSize(proto.data(), static_cast<Py_ssize_t>(proto.size()));
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
    {"is_active", guarded<is_active>, METH_NOARGS, nullptr},
    {"lost", guarded<lost>, METH_NOARGS, nullptr},
    {"stacks", guarded<stacks>, METH_VARARGS, nullptr},
    {"traces", guarded<traces>, METH_VARARGS, nullptr},
    {"lines", guarded<lines>, METH_VARARGS, nullptr},
    {"native_calls", guarded<native_calls>, METH_NOARGS, nullptr},
    {"native_held", guarded<native_held>, METH_NOARGS, nullptr},
    {"profile", guarded<profile>, METH_VARARGS, nullptr},
    {"hide_tracemalloc", guarded<hide_tracemalloc>, METH_VARARGS, nullptr},
    {"objects", guarded<objects>, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                          "_heapwatch_memory",
                          nullptr,
                          -1,
                          methods,
                          nullptr,
                          nullptr,
                          nullptr,
                          nullptr};

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
