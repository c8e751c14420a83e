#include "check/python/external_tags.h"

#include <optional>
#include <string>

#include "check/python/agent_state.h"
#include "check/python/crossing.h"
#include "check/python/tag_array.h"

namespace heapwatch::check::python {

namespace {

bool refuse(const char* why) {
  PyErr_SetString(PyExc_TypeError, why);
  return false;
}

/// One `(hostname, {source_type: [tags]})`; false with a Python error set.
bool take_element(PyObject* element) {
  if (PyTuple_Check(element) == 0) {
    return refuse("external host tags list must contain only tuples");
  }
  if (PyTuple_GET_SIZE(element) < 2) {
    return refuse("external host tags tuple must have at least 2 elements");
  }
  const auto hostname = text_of(PyTuple_GET_ITEM(element, 0));
  if (!hostname) {
    return refuse("hostname is not a valid string");
  }
  PyObject* const sources = PyTuple_GET_ITEM(element, 1);
  if (PyDict_Check(sources) == 0) {
    return refuse("second elem of the host tags tuple must be a dict");
  }
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  Py_ssize_t position = 0;
  if (PyDict_Next(sources, &position, &key, &value) == 0) {
    return true;  // no source, nothing to tell
  }
  const auto source = text_of(key);
  if (!source) {
    return refuse("source_type is not a valid string");
  }
  if (PyList_Check(value) == 0) {
    return refuse("dict value must be a list of tags");
  }
  const CrossingText crossing_host = crossing_text(*hostname);
  const CrossingText crossing_source = crossing_text(*source);
  const std::optional<TagArray> tags = TagArray::read(value);
  if (!crossing_host || !crossing_source || !tags) {
    return false;
  }
  keep_told({}, {.of = Telling::Of::external_tags,
                 .key = crossing_host.get(),
                 .text = crossing_source.get(),
                 .number = 0,
                 .tags = tags->tags()});
  return true;
}

}  // namespace

PyObject* set_external_tags(PyObject* /*module*/, PyObject* args) {
  PyObject* list = nullptr;
  if (PyArg_ParseTuple(args, "O", &list) == 0) {
    return nullptr;
  }
  if (PyList_Check(list) == 0) {
    PyErr_SetString(PyExc_TypeError, "tags must be a list");
    return nullptr;
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    const Object element = borrow(PyList_GET_ITEM(list, i));
    if (!take_element(element.get())) {
      return nullptr;
    }
  }
  Py_RETURN_NONE;
}

}  // namespace heapwatch::check::python
