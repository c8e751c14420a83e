// The allocator under the books: glibc's, or that of a library (jemalloc, tcmalloc, mimalloc) which
// the program would have without us.
#pragma once

#include <cstddef>

namespace heapwatch::preload {

struct Allocator {
  void* (*malloc)(std::size_t size);
  void* (*calloc)(std::size_t count, std::size_t size);
  void* (*realloc)(void* block, std::size_t size);
  void* (*aligned_alloc)(std::size_t alignment, std::size_t size);
  void (*free)(void* block);
  std::size_t (*usable_size)(void* block);
};

/// What comes after us in the order in which the program finds its functions. It is looked up with
/// the first call of any of these, which may come before any constructor.
extern Allocator below;

/// A library that has an allocator of its own. What it maps for its blocks goes on no other books.
struct OtherAllocator {
  const char* path;       // null: there is none
  const void* start;      // of the library
  bool has_operator_new;  // which goes past malloc
};
[[nodiscard]] OtherAllocator find_other_allocator() noexcept;

/// Whether the program itself defines malloc, which goes before ours.
[[nodiscard]] bool program_has_own_malloc() noexcept;

}  // namespace heapwatch::preload
