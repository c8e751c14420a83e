// The allocator of the C library, called past the tables of imports, which native_watch.h changes.
#pragma once

#include <cstddef>

namespace heapwatch::check::python::memory {

struct SystemAllocator {
  void* (*malloc)(std::size_t);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void (*free)(void*);
  void* (*aligned_alloc)(std::size_t, std::size_t);
  void* (*memalign)(std::size_t, std::size_t);
  int (*posix_memalign)(void**, std::size_t, std::size_t);
};

/// Of another file than those who call it, so that a compiler cannot know what it holds.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
extern SystemAllocator system_allocator;

}  // namespace heapwatch::check::python::memory
