// What glibc holds in mappings of their own: large blocks, and pieces of a main arena whose way by
// brk was blocked.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/glibc/walk.h"

namespace heapwatch::memory::glibc {

/// A block with a mapping of its own, which the kernel may have merged with others.
struct MmappedBlock {
  std::uint64_t begin = 0;  // of the mapping's part
  std::uint64_t end = 0;
  std::uint64_t chunk = 0;
  std::uint64_t size = 0;  // of the chunk
};

struct SearchLimits {
  std::uint64_t count = 0;  // as many are known to be there
};

/// Looks through parts of anonymous memory for such blocks; ends when all are found.
[[nodiscard]] std::vector<MmappedBlock> find_mmapped(const process::ProcessView& view,
                                                     const std::vector<process::Range>& parts,
                                                     const SearchLimits& limits);

[[nodiscard]] std::uint64_t bytes_of(const std::vector<MmappedBlock>& blocks);

/// So many of these that only look like blocks can be told from the real ones.
inline constexpr std::uint64_t false_blocks_max = 3;

/// Leaves out those without which the rest is as many and as large as glibc counts. When no choice
/// fits, the first `count`.
[[nodiscard]] std::vector<MmappedBlock> those_counted(std::vector<MmappedBlock> blocks,
                                                      std::uint64_t count, std::uint64_t bytes);

/// Looks for pieces of the main arena until `wanted` bytes of them are found. A piece begins on a
/// page with a chunk that has nothing before it, and ends in two fence posts or in `top`.
[[nodiscard]] std::vector<Piece> find_pieces(const process::ProcessView& view,
                                             const std::vector<process::Range>& parts,
                                             std::uint64_t top, std::uint64_t wanted,
                                             Budget& budget);

}  // namespace heapwatch::memory::glibc
