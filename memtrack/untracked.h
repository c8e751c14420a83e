// Frees of what is not on the books: how sure we are that a block is free already, and where such
// frees come from.
#pragma once

#include <cstdint>

#include "memtrack/memtrack.h"

namespace heapwatch::memtrack {

/// Whether the allocator certainly holds the block as free. The block must once have been one of
/// ours, so that what is around it is the allocator's. False when nothing proves it.
[[nodiscard]] bool is_certainly_free(const void* block) noexcept;

void note_untracked(memtrack_untracked_kind kind, const void* block, const void* caller) noexcept;
[[nodiscard]] std::uint64_t untracked_frees(memtrack_component component) noexcept;
[[nodiscard]] std::uint64_t double_frees() noexcept;

void untracked_before_fork() noexcept;
void untracked_after_fork() noexcept;

}  // namespace heapwatch::memtrack
