#include "memory/glibc/heaps.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <set>

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
               const std::vector<Arena>& others, Walking& walking) {
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
          find_pieces(look.view, other_memory(look, known), arena.top, missing, walking.budget);
      arena.pieces.insert(arena.pieces.end(), more.begin(), more.end());
    }
    walk_arena(look.view, layout, walking, arena);
    if (arena.broken.empty()) {
      break;
    }
  }
  walking.journal_bytes -= std::min(walking.journal_bytes, arena.journal.bytes());
  return arena;
}

std::uint64_t mark_of_caches(const ProcessView& view, const Layout& layout) {
  process::Words words(view);
  std::vector<FreeChunk> caches;
  for (std::size_t i = 0; i < layout.arenas.size(); ++i) {
    caches.push_back(first_chunk(words, read_arena(view, words, layout, i)));
  }
  return find_mark(view, caches, layout.data);
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
    const std::vector<FreeChunk> listed = set_aside(view, cached, arena);
    arena.cached.insert(arena.cached.end(), listed.begin(), listed.end());
    std::sort(arena.cached.begin(), arena.cached.end());
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

/// All that is there, in one pass.
std::shared_ptr<Heaps> walk_once(const Look& look, Layout layout) {
  auto heaps = std::make_shared<Heaps>();
  heaps->layout = std::move(layout);
  Budget budget = budget_for(look.view);
  Walking walking{.budget = budget,
                  .mark = mark_of_caches(look.view, heaps->layout),
                  .journal_bytes = journal_bytes_max};
  // The main arena comes last: what it has elsewhere is looked for in what the others leave.
  std::vector<Arena> threads;
  for (std::size_t i = 1; i < heaps->layout.arenas.size(); ++i) {
    threads.push_back(arena_of(look, heaps->layout, i, {}, walking));
  }
  heaps->arenas.push_back(arena_of(look, heaps->layout, 0, threads, walking));
  std::move(threads.begin(), threads.end(), std::back_inserter(heaps->arenas));
  set_cached_aside(look.view, *heaps);
  find_mmapped_blocks(look, *heaps);
  const bool is_used = std::any_of(heaps->arenas.begin(), heaps->arenas.end(),
                                   [](const Arena& arena) { return !arena.pieces.empty(); });
  return is_used || !heaps->mmapped.empty() ? heaps : nullptr;
}

std::vector<FreeChunk> listed_in(const Arena& arena) {
  std::vector<FreeChunk> listed = arena.cached;
  listed.insert(listed.end(), arena.fast.begin(), arena.fast.end());
  std::sort(listed.begin(), listed.end());
  return listed;
}

std::uint64_t live_bytes_of(const Arena& arena) {
  return std::accumulate(
      arena.sizes.begin(), arena.sizes.end(), std::uint64_t{0},
      [](std::uint64_t sum, const auto& one) { return sum + (one.first - 8) * one.second; });
}

/// Live bytes of large blocks that are in one list alone.
Moved moved_mmapped(const std::vector<MmappedBlock>& before,
                    const std::vector<MmappedBlock>& after) {
  const auto missing = [](const std::vector<MmappedBlock>& from,
                          const std::vector<MmappedBlock>& in) {
    std::set<std::pair<std::uint64_t, std::uint64_t>> known;
    for (const MmappedBlock& block : in) {
      known.emplace(block.chunk, block.size);
    }
    std::uint64_t bytes = 0;
    for (const MmappedBlock& block : from) {
      bytes += known.count({block.chunk, block.size}) == 0 ? block.size : 0;
    }
    return bytes;
  };
  return {.before = missing(before, after), .after = missing(after, before)};
}

/// How far off the live bytes of the later of two passes may be from those of the moment between.
std::uint64_t moved_bytes_between(const Heaps& before, const Heaps& after) {
  Moved moved = moved_mmapped(before.mmapped, after.mmapped);
  std::map<std::uint64_t, const Arena*> known;
  for (const Arena& arena : before.arenas) {
    known.emplace(arena.address, &arena);
  }
  for (const Arena& arena : after.arenas) {
    const auto found = known.find(arena.address);
    if (!arena.broken.empty()) {
      continue;  // and says so
    }
    const bool has_both = found != known.end() && found->second->broken.empty() &&
                          found->second->is_journal_whole && arena.is_journal_whole;
    if (!has_both) {
      moved.after += live_bytes_of(arena);
      continue;
    }
    const std::vector<FreeChunk> listed_before = listed_in(*found->second);
    const std::vector<FreeChunk> listed_after = listed_in(arena);
    const Moved one =
        moved_between({found->second->journal, listed_before}, {arena.journal, listed_after});
    moved.before += one.before;
    moved.after += one.after;
  }
  return std::max(moved.before, moved.after);
}

}  // namespace

std::uint64_t Arena::live_blocks() const {
  return std::accumulate(
      sizes.begin(), sizes.end(), std::uint64_t{0},
      [](std::uint64_t sum, const auto& size_and_blocks) { return sum + size_and_blocks.second; });
}

std::uint64_t Heaps::live_bytes() const {
  std::uint64_t bytes = 0;
  for (const Arena& arena : arenas) {
    bytes += arena.broken.empty() ? live_bytes_of(arena) : 0;
  }
  for (const MmappedBlock& block : mmapped) {
    bytes += block.size;
  }
  return bytes;
}

bool Heaps::is_torn() const {
  constexpr std::uint64_t share = 200;
  return moved_bytes > live_bytes() / share;
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

std::shared_ptr<const Heaps> find_heaps(const Look& look, Layout layout,
                                        std::optional<std::uint64_t> before) {
  const process::Memory& memory = *look.view.memory();
  std::shared_ptr<Heaps> heaps = walk_once(look, std::move(layout));
  for (int pass = 1; heaps; ++pass) {
    const auto after = memory.run_time();
    if (before && before == after) {
      heaps->moved_bytes = 0;  // it stood still: this pass is of one moment
      heaps->has_run = false;
      break;
    }
    if (pass == tries || (pass > 1 && !heaps->is_torn())) {
      break;
    }
    before = after;
    auto again = find_layout(look.view);
    if (auto next = again ? walk_once(look, *std::move(again)) : nullptr) {
      next->moved_bytes = moved_bytes_between(*heaps, *next);
      heaps = std::move(next);
    } else {
      heaps->moved_bytes = heaps->live_bytes();  // nothing to hold it against
    }
    heaps->has_run = true;
  }
  for (std::size_t i = 0; heaps && i < heaps->arenas.size(); ++i) {
    heaps->arenas[i].journal.clear();
    heaps->arenas[i].caches = {};
  }
  return heaps;
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
