// Python objects with an owner, and the GIL for a scope.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>

namespace heapwatch::check::python {

struct Release {
  void operator()(PyObject* object) const noexcept { Py_DECREF(object); }
};
/// One strong reference, or none. Threads: made, used and destroyed with the GIL held.
using Object = std::unique_ptr<PyObject, Release>;

/// Holds the GIL for a scope, on any thread.
class Gil {
 public:
  Gil() : state_(PyGILState_Ensure()) {}
  Gil(const Gil&) = delete;
  Gil& operator=(const Gil&) = delete;
  ~Gil() { PyGILState_Release(state_); }

 private:
  PyGILState_STATE state_;
};

[[nodiscard]] Object borrow(PyObject* object);
[[nodiscard]] Object make_text(std::string_view text);
/// The UTF-8 of a str or the bytes of a bytes; nothing for anything else. Leaves no Python error.
[[nodiscard]] std::optional<std::string> text_of(PyObject* object);

/// Calls a method by the one object of its name that Python has: Python's cache of methods keeps
/// each name that it was asked for, and with a name made anew for each call every run of a check
/// would leave one there. Null, with Python's error, when it fails.
template <typename... Arguments>
[[nodiscard]] Object call_method(PyObject* of, const char* name, Arguments*... arguments) {
  const Object interned(PyUnicode_InternFromString(name));
  return Object(interned ? PyObject_CallMethodObjArgs(of, interned.get(), arguments..., nullptr)
                         : nullptr);
}

/// What `call` returns; its C++ exceptions become Python's.
template <typename Call>
PyObject* guarded_call(const Call& call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
    return nullptr;
  }
}

/// A function of a module, guarded.
template <PyObject* (*function)(PyObject*, PyObject*)>
PyObject* guarded(PyObject* module, PyObject* args) noexcept {
  return guarded_call([&] { return function(module, args); });
}
template <PyObject* (*function)(PyObject*, PyObject*, PyObject*)>
PyObject* guarded_keywords(PyObject* module, PyObject* args, PyObject* keywords) noexcept {
  return guarded_call([&] { return function(module, args, keywords); });
}
/// For the table of a module: a function that takes keywords has another type there.
template <PyObject* (*function)(PyObject*, PyObject*, PyObject*)>
PyCFunction with_keywords() {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(guarded_keywords<function>));
}

/// A module that lives as long as the interpreter. `methods` end in one without a name.
[[nodiscard]] constexpr PyModuleDef module_of(const char* name, PyMethodDef* methods) {
  return {PyModuleDef_HEAD_INIT, name, nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};
}

/// Takes the pending Python error: its formatted traceback if it has one, else str(exception).
[[nodiscard]] std::string take_error();

}  // namespace heapwatch::check::python
