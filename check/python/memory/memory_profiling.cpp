#include "check/python/memory/memory_profiling.h"

#include <algorithm>

#include "check/python/agent_state.h"

namespace heapwatch::check::python::memory {

namespace {

constexpr const char* package = "heapwatch_memory";

bool asks_for_profile(PyObject* check) {
  const Object init_config(PyObject_GetAttrString(check, "init_config"));
  const bool asks = init_config && PyDict_Check(init_config.get()) != 0 &&
                    PyDict_GetItemString(init_config.get(), "profile_memory") != nullptr;
  PyErr_Clear();
  return asks;
}

/// Tells the profiler once what the command line says.
bool pass_on(const MemoryProfile& profile, PyObject* module) {
  static bool is_done = false;
  if (is_done) {
    return true;
  }
  const Object options(PyDict_New());
  for (const auto& [name, value] : profile.options) {
    if (!options ||
        PyDict_SetItemString(options.get(), name.c_str(), make_text(value).get()) != 0) {
      return false;
    }
  }
  const Object folder(profile.folder.empty() ? Py_NewRef(Py_None)
                                             : PyUnicode_DecodeFSDefault(profile.folder.c_str()));
  is_done = folder && Object(PyObject_CallMethod(module, "profile_command", "OO", folder.get(),
                                                 options.get()));
  return is_done;
}

/// A str or bytes; nothing of anything else.
std::string text_at(PyObject* tuple, Py_ssize_t index) {
  PyObject* const text = PyTuple_GET_ITEM(tuple, index);
  // File names may be no UTF-8.
  const Object encoded(PyUnicode_Check(text) != 0
                           ? PyUnicode_AsEncodedString(text, "utf-8", "surrogateescape")
                           : Py_NewRef(text));
  PyErr_Clear();
  return encoded ? text_of(encoded.get()).value_or("") : "";
}

}  // namespace

base::Result<void> attach_profiler(PyObject* check) {
  const Services& services = agent_state().services;
  if (!services.tracemalloc_debug && !services.memory_profile && !asks_for_profile(check)) {
    return {};
  }
  const Object module(PyImport_ImportModule(package));
  const bool is_ready =
      module && (!services.memory_profile || pass_on(*services.memory_profile, module.get()));
  if (!is_ready || !Object(PyObject_CallMethod(module.get(), "attach", "O", check))) {
    return base::fail(base::ErrorKind::invalid, "cannot profile memory: " + take_error());
  }
  return {};
}

base::Result<MemoryReports> finish_profile(const std::string& id) {
  const Object module(PyImport_ImportModule(package));
  const Object reports(
      module ? PyObject_CallMethod(module.get(), "finish_command", "O", make_text(id).get())
             : nullptr);
  if (!reports || PyTuple_Check(reports.get()) == 0 || PyTuple_GET_SIZE(reports.get()) != 4) {
    return base::fail(base::ErrorKind::invalid,
                      "cannot finish the memory profile of " + id + ": " + take_error());
  }
  return MemoryReports{.snapshot = text_at(reports.get(), 0),
                       .diff = text_at(reports.get(), 1),
                       .growth = text_at(reports.get(), 2),
                       .profile = text_at(reports.get(), 3)};
}

base::Result<std::vector<ObjectCount>> count_objects(bool collect) {
  const Object module(PyImport_ImportModule("heapwatch_memory.objects"));
  const Object rows(
      module ? PyObject_CallMethod(module.get(), "count", "O", collect ? Py_True : Py_False)
             : nullptr);
  if (!rows || PyList_Check(rows.get()) == 0) {
    return base::fail(base::ErrorKind::limit, "cannot count Python's objects: " + take_error());
  }
  std::vector<ObjectCount> counts;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(rows.get()); ++i) {
    PyObject* const row = PyList_GET_ITEM(rows.get(), i);
    counts.push_back({.type = text_at(row, 0),
                      .count = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(row, 1)),
                      .bytes = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(row, 2))});
  }
  PyErr_Clear();
  std::sort(counts.begin(), counts.end(), [](const ObjectCount& a, const ObjectCount& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.type < b.type;
  });
  return counts;
}

}  // namespace heapwatch::check::python::memory
