// The live set for blocks whose address has no shadow: odd addresses, and regions for which the
// kernel gave no memory.
#pragma once

#include "memtrack/tracker.h"

namespace heapwatch::memtrack::fallback {

/// False without memory.
bool insert(const void* block, const Entry& entry) noexcept;
[[nodiscard]] bool has(const void* block) noexcept;
/// Takes the block out; false when it is not in.
bool take(const void* block, Entry& entry) noexcept;
/// Takes all out.
void clear() noexcept;

void before_fork() noexcept;
void after_fork() noexcept;

}  // namespace heapwatch::memtrack::fallback
