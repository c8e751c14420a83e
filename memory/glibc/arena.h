// One arena: the memory it has, and a walk over it.
#pragma once

#include <vector>

#include "memory/glibc/heaps.h"

namespace heapwatch::memory::glibc {

/// Reads an arena's own words and finds its memory; `broken` says what is wrong with them.
[[nodiscard]] Arena read_arena(const process::ProcessView& view, process::Words& words,
                               const Layout& layout, std::size_t index);

/// Whether the arena's memory is less than it says: the rest is in mappings elsewhere.
[[nodiscard]] std::uint64_t missing_bytes(const Arena& arena);

/// Walks an arena whose pieces are known and fills in its totals. Those in threads' caches count as
/// live until set_aside() has them.
void walk_arena(const process::ProcessView& view, const Layout& layout, Budget& budget,
                Arena& arena);

/// Takes those of the chunks that lie in an arena, and only look in use, out of what is live there.
/// Returns them.
std::vector<FreeChunk> set_aside(const process::ProcessView& view,
                                 const std::vector<FreeChunk>& chunks, Arena& arena);

}  // namespace heapwatch::memory::glibc
