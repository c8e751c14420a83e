// Tags on their way from Python, in memory that is on the books.
#pragma once

#include <optional>

#include "check/python/object.h"
#include "metrics/context.h"

namespace heapwatch::check::python {

/// An array of C strings that ends with a null pointer: one allocation, and one for each tag.
class TagArray {
 public:
  /// Elements that are neither str nor bytes, and text that has no UTF-8, are left out. Nothing,
  /// with a Python error set, when `sequence` is none.
  [[nodiscard]] static std::optional<TagArray> read(PyObject* sequence);

  TagArray(TagArray&& other) noexcept;
  TagArray& operator=(TagArray&&) = delete;
  TagArray(const TagArray&) = delete;
  TagArray& operator=(const TagArray&) = delete;
  ~TagArray();

  /// In their order, duplicates included.
  [[nodiscard]] metrics::Tags tags() const;

 private:
  explicit TagArray(char** array) : array_(array) {}

  char** array_;
};

}  // namespace heapwatch::check::python
