// An allocator besides glibc's that the program brings in a library, such as jemalloc. The
// preloaded functions go before its own, but its special ones (mallocx) and its operator new go on,
// and their blocks may reach free().
#pragma once

#include <cstddef>

namespace heapwatch::preload {

struct OtherAllocator {
  void (*free)(void* block);  // null: there is no other allocator
  std::size_t (*usable_size)(void* block);
};

extern OtherAllocator other_allocator;

/// Looks for one behind this library. Once, while the program has one thread.
void find_other_allocator() noexcept;

/// The program itself defines malloc, which goes before the preloaded one: none of its blocks is
/// seen.
[[nodiscard]] bool program_has_own_malloc() noexcept;

}  // namespace heapwatch::preload
