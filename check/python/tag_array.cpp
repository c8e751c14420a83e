#include "check/python/tag_array.h"

#include <utility>

#include "check/python/agent_state.h"
#include "check/python/crossing.h"

namespace heapwatch::check::python {

std::optional<TagArray> TagArray::read(PyObject* sequence) {
  if (PySequence_Check(sequence) == 0) {
    PyErr_SetString(PyExc_TypeError, "tags must be a sequence");
    return std::nullopt;
  }
  const Py_ssize_t count = PySequence_Size(sequence);
  if (count < 0) {
    return std::nullopt;
  }
  const std::size_t bytes = (static_cast<std::size_t>(count) + 1) * sizeof(char*);
  auto** const array = static_cast<char**>(allocate_crossing(bytes));
  if (array == nullptr) {
    PyErr_NoMemory();
    return std::nullopt;
  }
  array[0] = nullptr;
  TagArray result(array);
  std::size_t used = 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    const Object element(PySequence_GetItem(sequence, i));
    if (!element) {
      return std::nullopt;
    }
    const std::optional<std::string> text = text_of(element.get());
    if (!text) {
      continue;
    }
    CrossingText tag = crossing_text(*text);
    if (!tag) {
      PyErr_NoMemory();
      return std::nullopt;
    }
    array[used++] = tag.release();
    array[used] = nullptr;
  }
  return result;
}

TagArray::TagArray(TagArray&& other) noexcept : array_(std::exchange(other.array_, nullptr)) {}

TagArray::~TagArray() {
  if (array_ == nullptr) {
    return;
  }
  for (char** tag = array_; *tag != nullptr; ++tag) {
    release_crossing(*tag);
  }
  release_crossing(static_cast<void*>(array_));
}

metrics::Tags TagArray::tags() const {
  metrics::Tags tags;
  for (char** tag = array_; *tag != nullptr; ++tag) {
    tags.push_back(masked(*tag));
  }
  return tags;
}

}  // namespace heapwatch::check::python
