// All that glibc's allocator holds in a process, walked.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "memory/glibc/caches.h"
#include "memory/glibc/journal.h"
#include "memory/glibc/layout.h"
#include "memory/glibc/mmapped.h"
#include "memory/glibc/walk.h"
#include "memory/picture.h"

namespace heapwatch::memory::glibc {

/// How often an arena that breaks off while it is read is read, and how often all of them are.
inline constexpr int tries = 3;

/// Resident bytes of chunks, by what they are.
struct Resident {
  std::uint64_t live = 0;        // what the program may use of its blocks
  std::uint64_t overhead = 0;    // their headers
  std::uint64_t free_pages = 0;  // whole pages within free chunks
  std::uint64_t free_rest = 0;   // the rest of free chunks
  std::uint64_t top = 0;
  std::uint64_t top_trimmed = 0;  // of it, what malloc_trim gives back
  std::uint64_t idle = 0;         // in caches and fast bins
};

/// Live blocks by the size of their chunks.
using Sizes = std::map<std::uint64_t, std::uint64_t>;

struct Arena {
  std::uint64_t address = 0;
  bool is_main = false;
  bool is_contiguous = true;
  std::uint64_t top = 0;
  std::uint64_t top_size = 0;
  std::uint64_t system_bytes = 0;  // what it says to have taken from the system
  std::vector<Piece> pieces;
  std::vector<FreeChunk> fast;
  std::vector<FreeChunk> cached;
  /// Why its numbers are not to be trusted; empty when they are.
  std::string broken;

  std::uint64_t free_chunks = 0;  // in bins
  std::uint64_t free_bytes = 0;
  std::uint64_t fast_bytes = 0;
  Resident resident;
  Sizes sizes;  // live blocks alone

  /// Chunks that may be a thread's cache, by their size.
  std::vector<Chunk> caches;

  /// All its chunks, while passes are held against each other.
  Journal journal;
  bool is_journal_whole = true;

  [[nodiscard]] std::uint64_t live_blocks() const;
};

/// The fields of glibc's struct mallinfo2 of the same names.
struct Mallinfo {
  std::uint64_t arena = 0;
  std::uint64_t ordblks = 0;
  std::uint64_t smblks = 0;
  std::uint64_t hblks = 0;
  std::uint64_t hblkhd = 0;
  std::uint64_t fsmblks = 0;
  std::uint64_t uordblks = 0;
  std::uint64_t fordblks = 0;
  std::uint64_t keepcost = 0;
  friend bool operator==(const Mallinfo&, const Mallinfo&) = default;
};

struct Heaps {
  Layout layout;
  std::vector<Arena> arenas;
  std::vector<MmappedBlock> mmapped;
  /// mmapped blocks are as many and as large as glibc's own counters say.
  bool mmapped_agree = false;
  Resident mmapped_resident;

  /// By so many bytes what is live may be off, since the process ran on while it was walked.
  std::uint64_t moved_bytes = 0;
  /// Whether a thread of the process ran while it was walked.
  bool has_run = false;

  [[nodiscard]] Mallinfo mallinfo() const;
  [[nodiscard]] std::uint64_t live_bytes() const;
  /// Whether the numbers are not of one moment: one half of a percent and more may be off.
  [[nodiscard]] bool is_torn() const;
};

/// Of a process that runs on, walked again until two passes agree or the tries are used up. Null
/// when nothing was allocated by glibc. `before`: Memory::run_time() before the layout was found.
[[nodiscard]] std::shared_ptr<const Heaps> find_heaps(const Look& look, Layout layout,
                                                      std::optional<std::uint64_t> before);

/// Visits every live block: those of arenas that were walked, then those with a mapping of their
/// own; not what lies in caches and fast bins.
void for_each_block(const process::ProcessView& view, const Heaps& heaps,
                    const std::function<void(const Chunk&)>& visit);

}  // namespace heapwatch::memory::glibc
