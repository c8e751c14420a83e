// Has the objects of a process that runs call other functions than those they were linked to.
#pragma once

#include <cstddef>

namespace heapwatch::preload {

/// A function by its name, as the dynamic linker knows it, and what is to be called in its place.
struct Import {
  const char* name;
  const void* replacement;
};

/// Writes the replacements into the tables through which the objects call functions of others, of
/// those objects whose path `is_wanted`; the program's is empty. Returns how many entries changed.
/// What took the address of a function keeps it, and what is loaded later is left as it is.
///
/// Threads: any; one that is just calling calls the one or the other function.
std::size_t redirect_imports(const Import* imports, std::size_t count,
                             bool (*is_wanted)(const char* path)) noexcept;

}  // namespace heapwatch::preload
