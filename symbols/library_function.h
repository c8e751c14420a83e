// Functions of libraries that are loaded when they are needed.
#pragma once

#include <dlfcn.h>

namespace heapwatch::symbols {

/// False: the library does not have it.
template <typename Function>
[[nodiscard]] bool find_function(void* library, const char* name, Function& to) {
  to = reinterpret_cast<Function>(dlsym(library, name));
  return to != nullptr;
}

}  // namespace heapwatch::symbols
