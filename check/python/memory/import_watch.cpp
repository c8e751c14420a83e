#include "check/python/memory/import_watch.h"

#include <unordered_map>

#include "check/python/memory/allocation_tracer.h"

namespace heapwatch::check::python::memory {

namespace {

constexpr const char* function_name = "_find_and_load";

struct Names {
  std::vector<std::string> by_number{""};
  std::unordered_map<std::string, std::uint32_t> numbers;
};

Names& names() {
  static Names* const instance = new Names;
  return *instance;
}

std::uint32_t number_of(PyObject* args) {
  std::string name =
      PyTuple_GET_SIZE(args) > 0 ? text_of(PyTuple_GET_ITEM(args, 0)).value_or("") : std::string();
  const auto [entry, is_new] =
      names().numbers.try_emplace(name, static_cast<std::uint32_t>(names().by_number.size()));
  if (is_new) {
    names().by_number.push_back(std::move(name));
  }
  return entry->second;
}

PyObject* import(PyObject* original, PyObject* args, PyObject* keywords) {
  const std::uint32_t before = AllocationTracer::enter_import(number_of(args));
  PyObject* const module = PyObject_Call(original, args, keywords);
  AllocationTracer::enter_import(before);
  return module;
}

PyMethodDef method = {function_name, with_keywords<import>(), METH_VARARGS | METH_KEYWORDS,
                      nullptr};

}  // namespace

ImportWatch& ImportWatch::instance() {
  static ImportWatch* const instance = new ImportWatch;
  return *instance;
}

bool ImportWatch::start() {
  const Object machinery(PyImport_ImportModule("_frozen_importlib"));
  original_.reset(machinery ? PyObject_GetAttrString(machinery.get(), function_name) : nullptr);
  watching_.reset(original_ ? PyCFunction_New(&method, original_.get()) : nullptr);
  return watching_ && PyObject_SetAttrString(machinery.get(), function_name, watching_.get()) == 0;
}

void ImportWatch::stop() {
  const Object machinery(PyImport_ImportModule("_frozen_importlib"));
  const Object current(machinery ? PyObject_GetAttrString(machinery.get(), function_name)
                                 : nullptr);
  if (watching_ && current.get() == watching_.get()) {
    PyObject_SetAttrString(machinery.get(), function_name, original_.get());
  }
  PyErr_Clear();
  watching_.reset();
  original_.reset();
}

const std::string& ImportWatch::name(std::uint32_t import) const {
  return names().by_number.at(import);
}

}  // namespace heapwatch::check::python::memory
