#include "check/python/memory/free_list_books.h"

#include <algorithm>
#include <new>

#include "check/python/object.h"

namespace heapwatch::check::python::memory {

namespace {

constexpr std::uint64_t float_size = sizeof(PyFloatObject);
constexpr std::uint64_t gc_head_size = 2 * sizeof(std::uintptr_t);
constexpr std::uint64_t list_size = gc_head_size + sizeof(PyListObject);
constexpr std::uint64_t dict_size = gc_head_size + sizeof(PyDictObject);

constexpr std::uint64_t tuple_size(std::uint64_t length) {
  return gc_head_size + offsetof(PyTupleObject, ob_item) + length * sizeof(PyObject*);
}

// NOLINTBEGIN(performance-no-int-to-ptr): addresses are keys elsewhere
PyObject* plain_object(std::uintptr_t address) {
  return reinterpret_cast<PyObject*>(address);
}
PyObject* collected_object(std::uintptr_t address) {
  return reinterpret_cast<PyObject*>(address + gc_head_size);
}
// NOLINTEND(performance-no-int-to-ptr)

std::size_t most(std::size_t kind) {
  switch (kind) {
    case heapwatch_kind_float:
      return heapwatch_floats_max;
    case heapwatch_kind_list:
      return heapwatch_lists_max;
    case heapwatch_kind_dict:
      return heapwatch_dicts_max;
    default:
      return heapwatch_tuples_max;
  }
}

}  // namespace

void FreeListBooks::start(const heapwatch_free_list_sizes& sizes) {
  for (std::size_t kind = 0; kind < lists_.size(); ++kind) {
    lists_[kind].assign(static_cast<std::size_t>(std::max(sizes.counts[kind], 0)), Block{});
  }
}

void FreeListBooks::clear() {
  for (std::vector<Block>& list : lists_) {
    list.clear();
  }
}

int FreeListBooks::kind_of(std::uintptr_t address, std::uint64_t size) noexcept {
  if (size == float_size) {
    return Py_IS_TYPE(plain_object(address), &PyFloat_Type) ? heapwatch_kind_float : none;
  }
  if (size < tuple_size(1) || size > tuple_size(heapwatch_tuple_lists)) {
    return none;
  }
  PyObject* const object = collected_object(address);
  if (size == list_size && Py_IS_TYPE(object, &PyList_Type)) {
    return heapwatch_kind_list;
  }
  if (size == dict_size && Py_IS_TYPE(object, &PyDict_Type)) {
    return heapwatch_kind_dict;
  }
  if (Py_IS_TYPE(object, &PyTuple_Type)) {
    const auto length = static_cast<std::uint64_t>(Py_SIZE(object));
    if (length >= 1 && length <= heapwatch_tuple_lists && size == tuple_size(length)) {
      return heapwatch_kind_tuple + static_cast<int>(length) - 1;
    }
  }
  return none;
}

bool FreeListBooks::prepare(std::uintptr_t address, std::uint64_t size) noexcept {
  if (size == float_size) {
    Py_SET_TYPE(plain_object(address), nullptr);
    return true;
  }
  if (size < tuple_size(1) || size > tuple_size(heapwatch_tuple_lists) ||
      size % sizeof(PyObject*) != 0) {
    return false;
  }
  Py_SET_TYPE(collected_object(address), nullptr);
  return true;
}

void FreeListBooks::keep(int kind, const Block& block) noexcept {
  std::vector<Block>& list = lists_[static_cast<std::size_t>(kind)];
  if (list.size() < most(static_cast<std::size_t>(kind))) {
    try {
      list.push_back(block);
    } catch (const std::bad_alloc&) {
      return;
    }
  }
}

bool FreeListBooks::take(int kind, std::uint32_t run) noexcept {
  std::vector<Block>& list = lists_[static_cast<std::size_t>(kind)];
  if (list.empty()) {
    return false;
  }
  const Block block = list.back();
  list.pop_back();
  return block.counted == 0 || block.reused != 0 || block.run != run;
}

}  // namespace heapwatch::check::python::memory
