// Leaked, or only held: the blocks of glibc that nothing in the process leads to.
#pragma once

#include "memory/picture.h"

namespace heapwatch::memory::reach {

inline constexpr std::size_t blocks_max = 50'000'000;

/// When it is asked for: marks blocks from registers, stacks and all other writable memory, as a
/// collector would, and counts those that stay unmarked. A word that points anywhere into a block
/// leads to it. Growth that is still reachable is not seen: for that compare two pictures.
[[nodiscard]] Found find(const Look& look);

}  // namespace heapwatch::memory::reach
