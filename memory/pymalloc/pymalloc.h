// CPython's allocator of small objects, from outside.
#pragma once

#include "memory/picture.h"
#include "memory/pymalloc/arenas.h"

namespace heapwatch::memory::pymalloc {

/// What `sys._debugmallocstats()` counts, of all interpreters together.
struct Totals {
  std::uint64_t arenas = 0;
  std::uint64_t live_blocks = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t free_blocks = 0;  // in pools with live blocks
  std::uint64_t free_bytes = 0;
  std::uint64_t free_pools = 0;
  std::uint64_t header_bytes = 0;
  std::uint64_t rounding_bytes = 0;   // behind the last block of a pool
  std::uint64_t alignment_bytes = 0;  // of arenas that do not begin on a pool's border
  friend bool operator==(const Totals&, const Totals&) = default;
};

[[nodiscard]] Totals totals_of(const Arenas& arenas);

/// The arenas in the memory that nobody has claimed. Nothing when the process has no CPython.
[[nodiscard]] std::optional<Arenas> read_arenas(const Look& look);

[[nodiscard]] Found find(const Look& look);

}  // namespace heapwatch::memory::pymalloc
