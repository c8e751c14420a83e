// What a program maps by itself, as blocks of the space `mmap`: anonymous mmap, mremap, sbrk.
#pragma once

#include <cstdint>

namespace heapwatch::preload {

/// What code between these addresses maps is an allocator's, whose blocks are on the books already.
void ignore_mappings_of(std::uintptr_t start, std::uintptr_t limit) noexcept;

/// While it lives, what the thread maps is an allocator's, as above.
class [[nodiscard]] MapsForAllocator {
 public:
  MapsForAllocator() noexcept;
  MapsForAllocator(const MapsForAllocator&) = delete;
  MapsForAllocator& operator=(const MapsForAllocator&) = delete;
  ~MapsForAllocator();

 private:
  bool before_;
};

}  // namespace heapwatch::preload
