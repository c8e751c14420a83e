// Chunks that look in use and are free: those in fast bins and in the threads' caches.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/glibc/layout.h"
#include "memory/process/reading.h"

namespace heapwatch::memory::glibc {

struct FreeChunk {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  friend bool operator==(const FreeChunk&, const FreeChunk&) = default;
  friend bool operator<(const FreeChunk& a, const FreeChunk& b) {
    return a.address != b.address ? a.address < b.address : a.size < b.size;
  }
};

/// What an arena's fast bins hold. `lists_hold` is false when one of them does not end.
struct FastBins {
  std::vector<FreeChunk> chunks;
  bool lists_hold = true;
};
[[nodiscard]] FastBins read_fast_bins(process::Words& words, const StateLayout& state,
                                      std::uint64_t arena);

/// The word by which glibc 2.34 and later marks a block in a thread's cache (Chunk::mark): the one
/// that most blocks at the heads of some caches' lists carry, if it stands in glibc's data too. 0:
/// there is none, or too little lies in these caches to tell.
[[nodiscard]] std::uint64_t find_mark(const process::ProcessView& view,
                                      const std::vector<FreeChunk>& caches,
                                      const process::Range& data);

/// Whether chunks of a size may be a thread's cache: of 0x250, 0x290 or 0x300 bytes, by version.
[[nodiscard]] bool may_be_cache(std::uint64_t chunk_size);

/// The chunks of the cache in the chunk at `address`; empty when it is none, or holds none.
[[nodiscard]] std::vector<FreeChunk> read_cache(process::Words& words, std::uint64_t address,
                                                std::uint64_t chunk_size);

}  // namespace heapwatch::memory::glibc
