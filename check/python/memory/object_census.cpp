#include "check/python/memory/object_census.h"

#include <new>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace heapwatch::check::python::memory {

namespace {

struct TypeTotal {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

using Seen = std::unordered_set<PyObject*>;

/// Called for each referent; must not run Python code.
int note_referent(PyObject* object, void* context) {
  auto& [seen, found] = *static_cast<std::pair<Seen, std::vector<PyObject*>>*>(context);
  try {
    if (seen.insert(object).second) {
      found.push_back(Py_NewRef(object));
    }
    return 0;
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

/// As sys.getsizeof has it, and nothing for an object that fails to say.
std::uint64_t told_size_of(PyObject* object) {
  const std::size_t size = _PySys_GetSizeOf(object);
  if (size == static_cast<std::size_t>(-1)) {
    PyErr_Clear();
    return 0;
  }
  return size;
}

std::string type_name(PyTypeObject* type) {
  const Object module(PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__module__"));
  const Object name(PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__qualname__"));
  std::string text = name ? text_of(name.get()).value_or(type->tp_name) : type->tp_name;
  if (module && PyUnicode_Check(module.get()) != 0) {
    const std::string prefix = text_of(module.get()).value_or("");
    if (!prefix.empty() && prefix != "builtins") {
      text = prefix + "." + text;
    }
  }
  PyErr_Clear();
  return text;
}

PyObject* as_list(const std::unordered_map<PyTypeObject*, TypeTotal>& by_type) {
  // Types of one name are one.
  std::unordered_map<std::string, TypeTotal> by_name;
  for (const auto& [type, total] : by_type) {
    TypeTotal& sum = by_name[type_name(type)];
    sum.count += total.count;
    sum.bytes += total.bytes;
  }
  Object list(PyList_New(0));
  for (const auto& [name, total] : by_name) {
    const Object text = make_text(name);
    const Object row(text ? Py_BuildValue("(OKK)", text.get(), total.count, total.bytes) : nullptr);
    if (!list || !row || PyList_Append(list.get(), row.get()) != 0) {
      return nullptr;
    }
  }
  return list.release();
}

}  // namespace

PyObject* object_census() {
  const Object gc(PyImport_ImportModule("gc"));
  const Object containers(gc ? PyObject_CallMethod(gc.get(), "get_objects", nullptr) : nullptr);
  if (!containers) {
    return nullptr;
  }
  std::pair<Seen, std::vector<PyObject*>> walk;
  std::unordered_map<PyTypeObject*, TypeTotal> by_type;
  std::vector<Object> types;  // held, so that none dies while it is a key
  const auto count = [&](PyObject* object) {
    PyTypeObject* const type = Py_TYPE(object);
    const auto [entry, is_new] = by_type.try_emplace(type);
    if (is_new) {
      types.push_back(borrow(reinterpret_cast<PyObject*>(type)));
    }
    ++entry->second.count;
    entry->second.bytes += told_size_of(object);
  };
  try {
    const Py_ssize_t size = PyList_GET_SIZE(containers.get());
    walk.first.reserve(static_cast<std::size_t>(size) * 2);
    for (Py_ssize_t i = 0; i < size; ++i) {
      walk.first.insert(PyList_GET_ITEM(containers.get(), i));
    }
    walk.first.insert(containers.get());  // ours
    bool is_whole = true;
    for (Py_ssize_t i = 0; i < size && is_whole; ++i) {
      PyObject* const object = PyList_GET_ITEM(containers.get(), i);
      if (const traverseproc traverse = Py_TYPE(object)->tp_traverse; traverse != nullptr) {
        is_whole = traverse(object, note_referent, &walk) == 0;
      }
    }
    for (Py_ssize_t i = 0; i < size; ++i) {
      count(PyList_GET_ITEM(containers.get(), i));
    }
    for (PyObject* const object : walk.second) {
      count(object);
    }
    for (PyObject* const object : walk.second) {
      Py_DECREF(object);
    }
    walk.second.clear();
    if (!is_whole) {
      return PyErr_NoMemory();
    }
    return as_list(by_type);
  } catch (const std::bad_alloc&) {
    for (PyObject* const object : walk.second) {
      Py_DECREF(object);
    }
    return PyErr_NoMemory();
  }
}

}  // namespace heapwatch::check::python::memory
