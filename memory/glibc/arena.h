// One arena: the memory it has, and a walk over it.
#pragma once

#include <vector>

#include "memory/glibc/heaps.h"

namespace heapwatch::memory::glibc {

/// Heaps of threads, by what stands at the beginning of each, in parts of anonymous memory; where
/// the arenas do not lead to them.
[[nodiscard]] std::vector<process::Range> thread_heaps_in(const process::ProcessView& view,
                                                          const std::vector<process::Range>& parts);

/// Reads an arena's own words and finds its memory; `broken` says what is wrong with them.
[[nodiscard]] Arena read_arena(const process::ProcessView& view, process::Words& words,
                               const Layout& layout, std::size_t index);

/// Whether the arena's memory is less than it says: the rest is in mappings elsewhere.
[[nodiscard]] std::uint64_t missing_bytes(const Arena& arena);

/// The first chunk of an arena's memory, where the cache of its first thread lies. Size 0: none.
[[nodiscard]] FreeChunk first_chunk(process::Words& words, const Arena& arena);

/// What all arenas of a pass have in common.
struct Walking {
  Budget& budget;
  std::uint64_t mark = 0;         // of blocks in threads' caches (find_mark)
  std::size_t journal_bytes = 0;  // that may still be kept
};

/// Walks an arena whose pieces are known and fills in its totals. Blocks in threads' caches that
/// are not marked count as live until set_aside() has them.
void walk_arena(const process::ProcessView& view, const Layout& layout, Walking& walking,
                Arena& arena);

/// Takes those of the chunks that the walk has seen in use, and that only look so, out of what is
/// live in an arena. Returns them, sorted.
std::vector<FreeChunk> set_aside(const process::ProcessView& view,
                                 const std::vector<FreeChunk>& chunks, Arena& arena);

}  // namespace heapwatch::memory::glibc
