// Pymalloc's pools: pages cut into blocks of one size.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "memory/process/reading.h"

namespace heapwatch::memory::pymalloc {

/// Units: bytes.
struct Pool {
  std::uint64_t begin = 0;
  std::uint32_t bytes = 0;        // 4096 or 16384
  std::uint32_t block_bytes = 0;  // 16 to 512
  std::uint32_t live = 0;         // blocks
  std::uint32_t arena = 0;        // its index in the table of arenas

  [[nodiscard]] std::uint64_t end() const { return begin + bytes; }
  [[nodiscard]] std::uint32_t capacity() const;
  [[nodiscard]] std::uint64_t live_bytes() const { return std::uint64_t{live} * block_bytes; }
  [[nodiscard]] std::uint64_t free_bytes() const {
    return std::uint64_t{capacity() - live} * block_bytes;
  }
};

/// How many bytes a pool has: small before CPython 3.10, large since.
inline constexpr std::uint32_t small_pool = 4096;
inline constexpr std::uint32_t large_pool = 16384;

/// The header of every pool, in bytes.
inline constexpr std::uint32_t pool_header_bytes = 48;

/// The pools with live blocks that begin in these ranges of memory, by address.
[[nodiscard]] std::vector<Pool> find_pools(const process::ProcessView& view,
                                           std::span<const process::Range> memory);

}  // namespace heapwatch::memory::pymalloc
