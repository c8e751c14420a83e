// Has the objects of a process that runs call our allocation functions in place of their own, and
// puts everything back.
#pragma once

#include <cstddef>
#include <cstdint>

#include "preload/other_allocator.h"

namespace heapwatch::preload {

/// The allocation functions, and one of CPython.
constexpr std::size_t allocation_functions = 10;
constexpr std::size_t intercepted_count = allocation_functions + 1;

/// One of them: what objects call, and what they are to call.
struct Intercepted {
  const char* name;
  const void* hook;
  const void* definition;  // in use in the program; null: it has none
};

/// Looks up the allocation functions that the program uses: for each the first object that defines
/// it, in the order in which the loader searches. Then `below` leads there. False when malloc,
/// calloc, realloc or free is not found, or all are not of one object.
[[nodiscard]] bool find_definitions(Intercepted* functions) noexcept;

/// The function of that name that the same object defines as the other; null: it does not.
[[nodiscard]] const void* find_beside(const void* function, const char* name) noexcept;

/// Writes the hooks into the tables through which objects call, and into the symbol table of the
/// object that defines the functions, so that what is loaded later finds them, too. Again, it does
/// so for what has come or changed since. Returns how many entries changed.
std::size_t redirect_all(const Intercepted* functions) noexcept;

/// Every entry that leads to a hook is as it was before; of an object that came later, as it would
/// be without us. Returns how many changed.
std::size_t put_all_back(const Intercepted* functions) noexcept;

}  // namespace heapwatch::preload
