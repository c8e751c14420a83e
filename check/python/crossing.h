// C strings and arrays on the boundary between Python and the program: memory that is on the books.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "check/python/host.h"
#include "check/python/object.h"

namespace heapwatch::check::python {

/// Once, before anything crosses.
void set_crossing_memory(const Services& services);

/// Null without memory.
[[nodiscard]] void* allocate_crossing(std::size_t bytes) noexcept;
/// Null is nothing.
void release_crossing(void* block) noexcept;

struct ReleaseCrossing {
  void operator()(char* text) const noexcept { release_crossing(text); }
};
using CrossingText = std::unique_ptr<char, ReleaseCrossing>;

/// A copy that ends with a zero byte; null without memory.
[[nodiscard]] CrossingText crossing_text(std::string_view text) noexcept;

/// A str made of a text that crosses to Python. Empty, with a Python error set, without memory.
[[nodiscard]] Object text_to_python(std::string_view text);

}  // namespace heapwatch::check::python
