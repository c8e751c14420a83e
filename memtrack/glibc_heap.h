// What glibc's allocator knows of an address, read from the outside.
#pragma once

#include <cstdint>

namespace heapwatch::memtrack {

/// Whether no block in use starts at the address, where one of malloc's once did: it is in a cache
/// or a list, it was merged into other free memory, or another block covers it. False when nothing
/// proves it, and wherever malloc is not glibc's.
///
/// Takes none of the allocator's locks. What other threads do to the heap meanwhile may hide that
/// the block is free; that it is found free although it is in use needs another thread to be handed
/// the block at the same time.
[[nodiscard]] bool is_free_in_glibc(std::uintptr_t block) noexcept;

}  // namespace heapwatch::memtrack
