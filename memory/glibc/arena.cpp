#include "memory/glibc/arena.h"

#include <algorithm>
#include <set>

namespace heapwatch::memory::glibc {

namespace {

using process::page_bytes;
using process::ProcessView;
using process::Words;

constexpr std::size_t heaps_of_arena_max = 65'536;
constexpr std::uint64_t chunk_struct_bytes = 48;
constexpr std::uint32_t not_contiguous = 2;
constexpr std::uint64_t grown_max = std::uint64_t{64} << 20;

std::uint64_t align(std::uint64_t value, std::uint64_t to) {
  return (value + to - 1) & ~(to - 1);
}

/// What stands at the beginning of each heap of a thread's arena.
struct HeapInfo {
  std::uint64_t arena;
  std::uint64_t previous;
  std::uint64_t size;
  std::uint64_t accessible;
};

/// The largest size of a heap: 64 MiB, or four huge pages by a tunable.
constexpr std::array<std::uint64_t, 4> heap_sizes{std::uint64_t{64} << 20, std::uint64_t{8} << 20,
                                                  std::uint64_t{4} << 30, std::uint64_t{1} << 20};

std::optional<HeapInfo> heap_at(Words& words, std::uint64_t address, std::uint64_t arena,
                                std::uint64_t heap_bytes) {
  const auto info = words.get<HeapInfo>(address);
  const bool holds = info && info->arena == arena && info->size > 0 && info->size <= heap_bytes &&
                     info->size % page_bytes == 0;
  return holds ? info : std::nullopt;
}

/// The heaps of a thread's arena, from that of its top back to the first.
void read_heaps(Words& words, const Layout& layout, Arena& arena) {
  for (const std::uint64_t heap_bytes : heap_sizes) {
    std::vector<Piece> pieces;
    std::set<std::uint64_t> seen;
    std::uint64_t heap = arena.top & ~(heap_bytes - 1);
    while (heap != 0 && pieces.size() < heaps_of_arena_max && seen.insert(heap).second) {
      const auto info = heap_at(words, heap, arena.address, heap_bytes);
      if (!info) {
        break;
      }
      const std::uint64_t first_heap = arena.address & ~(heap_bytes - 1);
      const std::uint64_t header = arena.address - first_heap;
      const bool is_first = heap == first_heap;
      const std::uint64_t begin = is_first ? arena.address + layout.state.bytes
                                           : heap + std::min<std::uint64_t>(header, 64);
      const bool has_top = arena.top >= heap && arena.top < heap + info->size;
      pieces.push_back({.begin = align(begin, 16),
                        .end = heap + info->size,
                        .top = has_top ? arena.top : 0,
                        .claim_begin = heap,
                        .claim_end = heap + heap_bytes});
      if (is_first) {
        arena.pieces = std::move(pieces);
        return;
      }
      heap = info->previous;
    }
  }
  arena.broken = "its heaps do not lead from its top to its beginning";
}

void read_main(const ProcessView& view, const Layout& layout, Arena& arena) {
  const auto heap = brk_heap(view);
  if (!heap) {
    return;
  }
  const std::uint64_t base = layout.parameters && layout.parameters->sbrk_base != 0
                                 ? layout.parameters->sbrk_base
                                 : heap->begin;
  // It may have grown since the mappings were read.
  const process::Range reach{heap->begin, heap->end + grown_max};
  const bool has_top = reach.contains(arena.top);
  const std::uint64_t end = has_top ? arena.top + arena.top_size : heap->end;
  if (end > reach.end || end < base) {
    arena.broken = "its top chunk does not fit into the brk heap";
    return;
  }
  // Others call sbrk, too: what lies before and behind is theirs, but for what a static program
  // takes for its first thread.
  constexpr std::uint64_t of_first_thread_max = std::uint64_t{64} << 10;
  const bool is_first = base - heap->begin <= of_first_thread_max;
  arena.pieces.push_back({.begin = align(base, 16),
                          .end = end,
                          .top = has_top ? arena.top : 0,
                          .claim_begin = is_first ? heap->begin : align(base, 16),
                          .claim_end = has_top ? align(end, page_bytes) : heap->end});
}

/// Adds chunks of one piece to an arena's totals.
class Tally {
 public:
  Tally(const ProcessView& view, const Walking& walking, Arena& arena)
      : residency_(view.residency()), walking_(walking), arena_(arena) {}

  void add(const Chunk& chunk) {
    const std::uint64_t head = chunk.address + 8;
    switch (chunk.kind) {
      case ChunkKind::in_use: {
        if (walking_.mark != 0 && chunk.mark == walking_.mark) {
          note(chunk, Seen::idle);
          arena_.resident.idle += residency_.bytes(head, head + chunk.size);
          arena_.cached.push_back({chunk.address, chunk.size});
          return;
        }
        note(chunk, Seen::live);
        ++arena_.sizes[chunk.size];
        const std::uint64_t all = residency_.bytes(head, head + chunk.size);
        const std::uint64_t overhead = std::min<std::uint64_t>(all, 8);
        arena_.resident.overhead += overhead;
        arena_.resident.live += all - overhead;
        if (may_be_cache(chunk.size)) {
          arena_.caches.push_back(chunk);
        }
        return;
      }
      case ChunkKind::free: {
        note(chunk, Seen::free);
        ++arena_.free_chunks;
        arena_.free_bytes += chunk.size;
        const std::uint64_t all = residency_.bytes(head, head + chunk.size);
        const std::uint64_t pages = whole_pages(chunk);
        arena_.resident.free_pages += pages;
        arena_.resident.free_rest += all - std::min(all, pages);
        return;
      }
      case ChunkKind::top: {
        const std::uint64_t end = chunk.address + chunk.size;
        arena_.resident.top += residency_.bytes(head, end);
        arena_.resident.top_trimmed += trimmed(chunk);
        return;
      }
    }
  }

 private:
  /// As malloc_trim counts them: from the first page behind a free chunk's links.
  std::uint64_t whole_pages(const Chunk& chunk) {
    const std::uint64_t begin = align(chunk.address + chunk_struct_bytes, page_bytes);
    const std::uint64_t end = (chunk.address + chunk.size) & ~(page_bytes - 1);
    return end > begin ? residency_.bytes(begin, end) : 0;
  }

  /// As malloc_trim gives back of the main arena's top: of a thread's it gives nothing.
  std::uint64_t trimmed(const Chunk& top) {
    if (!arena_.is_main || !arena_.is_contiguous || top.size <= chunk_bytes_min + 1) {
      return 0;
    }
    const std::uint64_t bytes = (top.size - chunk_bytes_min - 1) & ~(page_bytes - 1);
    const std::uint64_t end = top.address + top.size;
    return residency_.bytes(end - bytes, end);
  }

  void note(const Chunk& chunk, Seen seen) {
    if (arena_.journal.bytes() < walking_.journal_bytes) {
      arena_.journal.add(chunk.size, seen);
    } else {
      arena_.is_journal_whole = false;
    }
  }

  process::AscendingResidency residency_;
  const Walking& walking_;
  Arena& arena_;
};

/// The top chunk that the walk has ended at. It is another one than the arena has told only when
/// the arena tells another one by now.
void take_top(const ProcessView& view, const Layout& layout, const Chunk& found, Arena& arena) {
  if (!arena.broken.empty() || found.size == 0 || found.address == arena.top) {
    return;
  }
  Words words(view);
  if (words.u64(arena.address + layout.state.top) == arena.top) {
    arena.broken = "it ends before its top chunk";
    return;
  }
  arena.top = found.address;
  arena.top_size = found.size;
}

/// Read again when a thread is at work on one of the lists.
FastBins fast_bins_of(const ProcessView& view, const Layout& layout, const Arena& arena) {
  FastBins fast;
  for (int i = 0; i < tries; ++i) {
    Words words(view);
    fast = read_fast_bins(words, layout.state, arena.address);
    if (fast.lists_hold) {
      break;
    }
  }
  return fast;
}

/// Of some chunks, those that lie in an arena's memory and may be there by their size.
std::vector<FreeChunk> held_by(const Arena& arena, const std::vector<FreeChunk>& chunks) {
  std::vector<FreeChunk> held;
  std::copy_if(chunks.begin(), chunks.end(), std::back_inserter(held), [&](const FreeChunk& chunk) {
    return arena.sizes.count(chunk.size) != 0 &&
           std::any_of(arena.pieces.begin(), arena.pieces.end(), [&](const Piece& piece) {
             return chunk.address >= piece.begin && chunk.address < piece.end;
           });
  });
  return held;
}

}  // namespace

std::vector<process::Range> thread_heaps_in(const ProcessView& view,
                                            const std::vector<process::Range>& parts) {
  constexpr std::uint64_t heap_bytes = heap_sizes[0];
  constexpr std::uint64_t header_max = 64;
  Words words(view, process::pages_to_read(view));
  std::vector<process::Range> heaps;
  for (const process::Range& part : parts) {
    for (std::uint64_t at = align(part.begin, heap_bytes);
         at < part.end && heaps.size() < heaps_of_arena_max; at += heap_bytes) {
      if (!view.residency().is_resident(at)) {
        continue;
      }
      const std::uint64_t arena = words.u64(at).value_or(0);
      const std::uint64_t first = arena & ~(heap_bytes - 1);
      if (arena - first <= header_max && arena % 16 == 0 && heap_at(words, at, arena, heap_bytes) &&
          heap_at(words, first, arena, heap_bytes)) {
        heaps.push_back({at, at + heap_bytes});
      }
    }
  }
  return heaps;
}

Arena read_arena(const ProcessView& view, Words& words, const Layout& layout, std::size_t index) {
  const StateLayout& state = layout.state;
  Arena arena{.address = layout.arenas[index], .is_main = index == 0};
  arena.is_contiguous = (words.u32(arena.address + 4).value_or(0) & not_contiguous) == 0;
  arena.top = words.u64(arena.address + state.top).value_or(0);
  arena.system_bytes = words.u64(arena.address + state.system_mem).value_or(0);
  const bool is_initial = arena.top == arena.address + state.bins - header_bytes;
  if (is_initial) {
    return arena;
  }
  const auto top_size = words.u64(arena.top + 8);
  if (!top_size) {
    arena.broken = "its top chunk cannot be read";
    return arena;
  }
  arena.top_size = *top_size & size_mask;
  if (arena.is_main) {
    read_main(view, layout, arena);
  } else {
    read_heaps(words, layout, arena);
  }
  return arena;
}

std::uint64_t missing_bytes(const Arena& arena) {
  std::uint64_t known = 0;
  for (const Piece& piece : arena.pieces) {
    // A thread's heap counts whole, with its own header.
    known += piece.end - (arena.is_main ? piece.begin : piece.claim_begin);
  }
  return arena.system_bytes > known ? arena.system_bytes - known : 0;
}

std::vector<FreeChunk> set_aside(const ProcessView& view, const std::vector<FreeChunk>& chunks,
                                 Arena& arena) {
  std::vector<FreeChunk> mine =
      arena.is_journal_whole ? seen_in_use(arena.journal, chunks) : held_by(arena, chunks);
  for (const FreeChunk& chunk : mine) {
    const auto found = arena.sizes.find(chunk.size);
    if (found != arena.sizes.end() && --found->second == 0) {
      arena.sizes.erase(found);
    }
    const std::uint64_t head = chunk.address + 8;
    const std::uint64_t all = view.residency().bytes(head, head + chunk.size);
    const std::uint64_t overhead = std::min<std::uint64_t>({all, 8, arena.resident.overhead});
    const std::uint64_t live = std::min(all - overhead, arena.resident.live);
    arena.resident.overhead -= overhead;
    arena.resident.live -= live;
    arena.resident.idle += overhead + live;
  }
  return mine;
}

FreeChunk first_chunk(Words& words, const Arena& arena) {
  if (arena.pieces.empty()) {
    return {};
  }
  // A thread's heaps are known from the last to the first.
  const std::uint64_t begin =
      arena.is_main ? arena.pieces.front().begin : arena.pieces.back().begin;
  return {begin, words.u64(begin + 8).value_or(0) & size_mask};
}

void walk_arena(const ProcessView& view, const Layout& layout, Walking& walking, Arena& arena) {
  Chunk found_top;
  for (const Piece& piece : arena.pieces) {
    if (!arena.broken.empty()) {
      return;
    }
    process::Window window(view);
    Tally tally(view, walking, arena);
    arena.journal.begin_piece(piece.begin);
    arena.broken = walk(window, piece, walking.budget, [&](const Chunk& chunk) {
      tally.add(chunk);
      found_top = chunk.kind == ChunkKind::top ? chunk : found_top;
    });
  }
  take_top(view, layout, found_top, arena);
  const FastBins fast = fast_bins_of(view, layout, arena);
  if (!fast.lists_hold && arena.broken.empty()) {
    arena.broken = "a fast bin's list does not end";
  }
  arena.fast = set_aside(view, fast.chunks, arena);
  for (const FreeChunk& chunk : arena.fast) {
    arena.fast_bytes += chunk.size;
  }
  if (const std::uint64_t missing = missing_bytes(arena); arena.broken.empty() && missing > 0) {
    arena.broken = std::to_string(missing) + " bytes of it were not found";
  }
}

}  // namespace heapwatch::memory::glibc
