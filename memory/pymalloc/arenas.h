// Pymalloc's arenas: the memory that pools are taken from.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "memory/process/modules.h"
#include "memory/pymalloc/pools.h"

namespace heapwatch::memory::pymalloc {

/// Units: bytes.
struct Arena {
  std::uint64_t begin = 0;
  std::uint64_t bytes = 0;       // 256 KiB or 1 MiB
  std::uint64_t pool_bytes = 0;  // 4 or 16 KiB
  std::uint32_t pools = 0;       // that fit
  std::uint32_t free_pools = 0;  // without a live block, those never used too
  std::vector<Pool> used;        // by address

  [[nodiscard]] std::uint64_t end() const { return begin + bytes; }
  /// The part before the first and behind the last pool's border.
  [[nodiscard]] std::uint64_t alignment_bytes() const;
};

struct Arenas {
  std::vector<Arena> arenas;  // by address
  std::vector<Pool> strays;   // pools whose arena is in no table that was found
  std::uint64_t free_pools = 0;
};

/// The arenas that pools are in, by the tables that the interpreter's data points at: one, and
/// since CPython 3.12 one for each interpreter with an allocator of its own.
[[nodiscard]] Arenas find_arenas(process::Words& words, const process::ProcessView& view,
                                 const process::Module& interpreter, std::vector<Pool> pools);

}  // namespace heapwatch::memory::pymalloc
