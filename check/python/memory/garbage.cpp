// As CPython's collector finds garbage, but in tables of our own, so that no object is touched:
//   1. Of each container that the collector knows, the references are counted, and those that come
//      from other containers are taken off. What has some left is referred to from elsewhere: by a
//      variable of running code, a module's state, or C.
//   2. What these refer to, directly or not, is in use. All other containers are garbage.
//   3. What the collector does not track, such as a text, is garbage when all references to it come
//      from garbage.
// Sizes are asked for in C only: a class may have a __sizeof__ in Python, which is left out.
#include "check/python/memory/garbage.h"

#include <new>
#include <unordered_map>
#include <vector>

#include "check/python/object.h"

namespace heapwatch::check::python::memory {

namespace {

constexpr Py_ssize_t containers_max = 4'000'000;

using Index = std::unordered_map<PyObject*, std::uint32_t>;

struct Walk {
  Index index;                          // of the containers
  std::vector<Py_ssize_t> references;   // from elsewhere; by container
  std::vector<bool> in_use;             // by container
  std::vector<std::uint32_t> to_visit;  // containers in use
  Index untracked;                      // what garbage refers to: how often
  std::vector<PyObject*> found;         // of these, those that nothing else refers to
};

void traverse(PyObject* object, visitproc visit, Walk& walk) {
  if (const traverseproc function = Py_TYPE(object)->tp_traverse; function != nullptr) {
    if (function(object, visit, &walk) != 0) {
      throw std::bad_alloc();
    }
  }
}

int take_off(PyObject* object, void* context) {
  Walk& walk = *static_cast<Walk*>(context);
  if (const auto known = walk.index.find(object); known != walk.index.end()) {
    --walk.references[known->second];
  }
  return 0;
}

int note_use(PyObject* object, void* context) {
  Walk& walk = *static_cast<Walk*>(context);
  const auto known = walk.index.find(object);
  if (known == walk.index.end() || walk.in_use[known->second]) {
    return 0;
  }
  try {
    walk.to_visit.push_back(known->second);
    walk.in_use[known->second] = true;
    return 0;
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

/// Of a container that is garbage, or of what only such refer to.
int note_untracked(PyObject* object, void* context) {
  Walk& walk = *static_cast<Walk*>(context);
  if (walk.index.count(object) != 0) {
    return 0;
  }
  try {
    if (static_cast<Py_ssize_t>(++walk.untracked[object]) == Py_REFCNT(object)) {
      walk.found.push_back(object);
    }
    return 0;
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

std::uint64_t size_of(PyObject* object) {
  PyTypeObject* const type = Py_TYPE(object);
  static PyObject* const name = PyUnicode_InternFromString("__sizeof__");
  const PyObject* const method = name == nullptr ? nullptr : _PyType_Lookup(type, name);
  if (method != nullptr && Py_IS_TYPE(method, &PyMethodDescr_Type)) {
    if (const std::size_t size = _PySys_GetSizeOf(object); size != static_cast<std::size_t>(-1)) {
      return size;
    }
    PyErr_Clear();
  }
  return static_cast<std::uint64_t>(type->tp_basicsize);
}

GarbageCount count(PyObject* list) {
  const Py_ssize_t size = PyList_GET_SIZE(list);
  Walk walk;
  walk.index.reserve(static_cast<std::size_t>(size) * 2);
  for (Py_ssize_t i = 0; i < size; ++i) {
    PyObject* const object = PyList_GET_ITEM(list, i);
    walk.index.emplace(object, static_cast<std::uint32_t>(i));
    walk.references.push_back(Py_REFCNT(object) - 1);  // the list's
  }
  walk.in_use.resize(static_cast<std::size_t>(size));
  for (Py_ssize_t i = 0; i < size; ++i) {
    traverse(PyList_GET_ITEM(list, i), take_off, walk);
  }
  for (Py_ssize_t i = 0; i < size; ++i) {
    if (walk.references[static_cast<std::size_t>(i)] > 0) {
      (void)note_use(PyList_GET_ITEM(list, i), &walk);
    }
  }
  while (!walk.to_visit.empty()) {
    const std::uint32_t next = walk.to_visit.back();
    walk.to_visit.pop_back();
    traverse(PyList_GET_ITEM(list, static_cast<Py_ssize_t>(next)), note_use, walk);
  }
  GarbageCount garbage;
  const auto add = [&](PyObject* object) {
    ++garbage.objects;
    garbage.bytes += size_of(object);
    traverse(object, note_untracked, walk);
  };
  for (Py_ssize_t i = 0; i < size; ++i) {
    if (!walk.in_use[static_cast<std::size_t>(i)]) {
      add(PyList_GET_ITEM(list, i));
    }
  }
  while (!walk.found.empty()) {
    PyObject* const object = walk.found.back();
    walk.found.pop_back();
    add(object);
  }
  return garbage;
}

}  // namespace

std::optional<GarbageCount> count_garbage() noexcept {
  const Object gc(PyImport_ImportModule("gc"));
  const Object containers(gc ? PyObject_CallMethod(gc.get(), "get_objects", nullptr) : nullptr);
  if (!containers || PyList_Check(containers.get()) == 0 ||
      PyList_GET_SIZE(containers.get()) > containers_max) {
    PyErr_Clear();
    return std::nullopt;
  }
  try {
    return count(containers.get());
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

}  // namespace heapwatch::check::python::memory
