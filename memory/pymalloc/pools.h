// Pymalloc's pools: pages cut into blocks of one size.
#pragma once

#include <cstdint>
#include <functional>
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

/// The header of every pool, in bytes.
inline constexpr std::uint32_t pool_header_bytes = 48;

/// The pools with live blocks that begin in these ranges of memory, by address.
[[nodiscard]] std::vector<Pool> find_pools(const process::ProcessView& view,
                                           std::span<const process::Range> memory);

/// Gets a block's address and its bytes, which are gone when it returns.
using BlockVisitor = std::function<void(std::uint64_t address, std::span<const std::byte> bytes)>;

/// Visits every live block of a pool; none when the pool has changed since it was found. The
/// visitor must not use the window.
void for_each_block(process::Window& window, const Pool& pool, const BlockVisitor& visit);

}  // namespace heapwatch::memory::pymalloc
