#include "check/python/memory/running_text.h"

namespace heapwatch::check::python::memory {

namespace {

void append_utf8(std::string& text, Py_UCS4 character) {
  if (character < 0x80U) {
    text.push_back(static_cast<char>(character));
    return;
  }
  const int continuations = character < 0x800U ? 1 : character < 0x10000U ? 2 : 3;
  constexpr unsigned char leads[] = {0, 0xC0, 0xE0, 0xF0};
  text.push_back(static_cast<char>(leads[continuations] | (character >> (6 * continuations))));
  for (int i = continuations - 1; i >= 0; --i) {
    text.push_back(static_cast<char>(0x80U | ((character >> (6 * i)) & 0x3FU)));
  }
}

}  // namespace

std::string running_text(PyObject* text) {
  std::string utf8;
  if (text == nullptr || PyUnicode_Check(text) == 0 || PyUnicode_IS_READY(text) == 0) {
    return "<unknown>";
  }
  const auto kind = static_cast<int>(PyUnicode_KIND(text));
  const void* const data = PyUnicode_DATA(text);
  const Py_ssize_t length = PyUnicode_GET_LENGTH(text);
  for (Py_ssize_t i = 0; i < length; ++i) {
    append_utf8(utf8, PyUnicode_READ(kind, data, i));
  }
  return utf8;
}

}  // namespace heapwatch::check::python::memory
