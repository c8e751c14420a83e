#include "check/python/memory/running_text.h"

#include "base/utf8.h"

namespace heapwatch::check::python::memory {

std::string running_text(PyObject* text) {
  std::string utf8;
  if (text == nullptr || PyUnicode_Check(text) == 0 || PyUnicode_IS_READY(text) == 0) {
    return "<unknown>";
  }
  const auto kind = static_cast<int>(PyUnicode_KIND(text));
  const void* const data = PyUnicode_DATA(text);
  const Py_ssize_t length = PyUnicode_GET_LENGTH(text);
  for (Py_ssize_t i = 0; i < length; ++i) {
    base::append_character(utf8, PyUnicode_READ(kind, data, i));
  }
  return utf8;
}

}  // namespace heapwatch::check::python::memory
