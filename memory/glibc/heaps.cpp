#include "memory/glibc/heaps.h"

#include <algorithm>
#include <numeric>

#include "memory/glibc/arena.h"

namespace heapwatch::memory::glibc {

namespace {

using process::ProcessView;
using process::Range;

/// An honest chunk has a header of its own in resident memory.
Budget budget_for(const ProcessView& view) {
  return {tries * (view.residency().total() / chunk_bytes_min) + 65'536};
}

/// What is left of heap memory once the arenas' heaps are taken away.
std::vector<Range> other_memory(const Look& look, const std::vector<Arena>& arenas) {
  Picture scratch = look.so_far;
  Found taken;
  for (const Arena& arena : arenas) {
    for (const Piece& piece : arena.pieces) {
      taken.claims.push_back({.begin = piece.claim_begin, .end = piece.claim_end});
    }
  }
  scratch.take("", std::move(taken));
  return scratch.unclaimed_heap_memory();
}

/// Reads and walks an arena, again when it changes meanwhile.
Arena arena_of(const Look& look, const Layout& layout, std::size_t index,
               const std::vector<Arena>& others, Budget& budget) {
  Arena arena;
  for (int i = 0; i < tries; ++i) {
    process::Words words(look.view);
    arena = read_arena(look.view, words, layout, index);
    if (!arena.broken.empty()) {
      continue;
    }
    if (const std::uint64_t missing = missing_bytes(arena); arena.is_main && missing > 0) {
      std::vector<Arena> known = others;
      known.push_back(arena);
      const auto more =
          find_pieces(look.view, other_memory(look, known), arena.top, missing, budget);
      arena.pieces.insert(arena.pieces.end(), more.begin(), more.end());
    }
    walk_arena(look.view, layout, budget, arena);
    if (arena.broken.empty()) {
      break;
    }
  }
  return arena;
}

void set_cached_aside(const ProcessView& view, Heaps& heaps) {
  process::Words words(view);
  std::vector<FreeChunk> cached;
  for (const Arena& arena : heaps.arenas) {
    for (const Chunk& cache : arena.caches) {
      const auto held = read_cache(words, cache.address, cache.size);
      cached.insert(cached.end(), held.begin(), held.end());
    }
  }
  std::sort(cached.begin(), cached.end());
  cached.erase(std::unique(cached.begin(), cached.end()), cached.end());
  for (Arena& arena : heaps.arenas) {
    arena.cached = set_aside(view, cached, arena);
  }
}

void find_mmapped_blocks(const Look& look, Heaps& heaps) {
  // Without glibc's counters the search would read everything there is.
  if (!heaps.layout.parameters) {
    return;
  }
  const Parameters& told = *heaps.layout.parameters;
  if (told.mmaps > 0) {
    std::vector<Range> parts = other_memory(look, heaps.arenas);
    // Where Go has its heap on Linux, if this is a Go program: the search ends before, if it can.
    std::stable_partition(parts.begin(), parts.end(), [](const Range& part) {
      return part.begin < 0xc000000000 || part.begin >= 0xd000000000;
    });
    heaps.mmapped = find_mmapped(look.view, parts, {.count = told.mmaps});
    if (bytes_of(heaps.mmapped) != told.mmapped_bytes) {
      // One of them only looks like a block: all that do are looked at.
      heaps.mmapped =
          those_counted(find_mmapped(look.view, parts, {.count = told.mmaps + false_blocks_max}),
                        told.mmaps, told.mmapped_bytes);
    }
  }
  const process::Residency& residency = look.view.residency();
  for (const MmappedBlock& block : heaps.mmapped) {
    const std::uint64_t user = block.chunk + header_bytes;
    heaps.mmapped_resident.live += residency.bytes(user, block.end);
    heaps.mmapped_resident.overhead += residency.bytes(block.begin, user);
  }
  heaps.mmapped_agree =
      heaps.mmapped.size() == told.mmaps && bytes_of(heaps.mmapped) == told.mmapped_bytes;
}

}  // namespace

std::uint64_t Arena::live_blocks() const {
  return std::accumulate(
      sizes.begin(), sizes.end(), std::uint64_t{0},
      [](std::uint64_t sum, const auto& size_and_blocks) { return sum + size_and_blocks.second; });
}

Mallinfo Heaps::mallinfo() const {
  Mallinfo info;
  for (const Arena& one : arenas) {
    const std::uint64_t free = one.free_bytes + one.fast_bytes + one.top_size;
    info.arena += one.system_bytes;
    info.ordblks += one.free_chunks + 1;  // and the top
    info.smblks += one.fast.size();
    info.fsmblks += one.fast_bytes;
    info.fordblks += free;
    info.uordblks += one.system_bytes - free;
    info.keepcost += one.is_main ? one.top_size : 0;
  }
  if (layout.parameters) {
    info.hblks = layout.parameters->mmaps;
    info.hblkhd = layout.parameters->mmapped_bytes;
  }
  return info;
}

std::shared_ptr<const Heaps> find_heaps(const Look& look, Layout layout) {
  auto heaps = std::make_shared<Heaps>();
  heaps->layout = std::move(layout);
  Budget budget = budget_for(look.view);
  // The main arena comes last: what it has elsewhere is looked for in what the others leave.
  std::vector<Arena> threads;
  for (std::size_t i = 1; i < heaps->layout.arenas.size(); ++i) {
    threads.push_back(arena_of(look, heaps->layout, i, {}, budget));
  }
  heaps->arenas.push_back(arena_of(look, heaps->layout, 0, threads, budget));
  heaps->arenas.insert(heaps->arenas.end(), threads.begin(), threads.end());
  set_cached_aside(look.view, *heaps);
  find_mmapped_blocks(look, *heaps);
  const bool is_used = std::any_of(heaps->arenas.begin(), heaps->arenas.end(),
                                   [](const Arena& arena) { return !arena.pieces.empty(); });
  return is_used || !heaps->mmapped.empty() ? heaps : nullptr;
}

void for_each_block(const ProcessView& view, const Heaps& heaps,
                    const std::function<void(const Chunk&)>& visit) {
  Budget budget = budget_for(view);
  for (const Arena& arena : heaps.arenas) {
    if (!arena.broken.empty()) {
      continue;
    }
    std::vector<std::uint64_t> idle;
    for (const auto* chunks : {&arena.fast, &arena.cached}) {
      for (const FreeChunk& chunk : *chunks) {
        idle.push_back(chunk.address);
      }
    }
    std::sort(idle.begin(), idle.end());
    for (const Piece& piece : arena.pieces) {
      process::Window window(view);
      (void)walk(window, piece, budget, [&](const Chunk& chunk) {
        if (chunk.kind == ChunkKind::in_use &&
            !std::binary_search(idle.begin(), idle.end(), chunk.address)) {
          visit(chunk);
        }
      });
    }
  }
  for (const MmappedBlock& block : heaps.mmapped) {
    visit({.address = block.chunk, .size = block.size, .kind = ChunkKind::in_use});
  }
}

}  // namespace heapwatch::memory::glibc
