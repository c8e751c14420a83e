#include "check/python/object.h"

namespace heapwatch::check::python {

namespace {

std::string formatted(PyObject* exception, PyObject* traceback) {
  const Object module(PyImport_ImportModule("traceback"));
  if (!module) {
    return {};
  }
  const Object lines =
      call_method(module.get(), "format_exception", reinterpret_cast<PyObject*>(Py_TYPE(exception)),
                  exception, traceback);
  if (!lines) {
    return {};
  }
  const Object joined = call_method(make_text("").get(), "join", lines.get());
  return joined ? text_of(joined.get()).value_or("") : std::string();
}

}  // namespace

Object borrow(PyObject* object) {
  return Object(Py_XNewRef(object));
}

Object make_text(std::string_view text) {
  return Object(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

std::optional<std::string> text_of(PyObject* object) {
  Py_ssize_t size = 0;
  if (PyUnicode_Check(object)) {
    const char* const text = PyUnicode_AsUTF8AndSize(object, &size);
    if (text == nullptr) {
      PyErr_Clear();
      return std::nullopt;
    }
    return std::string(text, static_cast<std::size_t>(size));
  }
  if (PyBytes_Check(object)) {
    return std::string(PyBytes_AS_STRING(object),
                       static_cast<std::size_t>(PyBytes_GET_SIZE(object)));
  }
  return std::nullopt;
}

std::string take_error() {
  PyObject* raw_type = nullptr;
  PyObject* raw_value = nullptr;
  PyObject* raw_traceback = nullptr;
  PyErr_Fetch(&raw_type, &raw_value, &raw_traceback);
  PyErr_NormalizeException(&raw_type, &raw_value, &raw_traceback);
  const Object type(raw_type);
  const Object value(raw_value);
  const Object traceback(raw_traceback);
  std::string text;
  if (value && traceback) {
    text = formatted(value.get(), traceback.get());
    PyErr_Clear();
  }
  if (value && text.empty()) {
    if (const Object said(PyObject_Str(value.get())); said) {
      text = text_of(said.get()).value_or("");
    }
    PyErr_Clear();
  }
  return text;
}

}  // namespace heapwatch::check::python
