#include "memory/glibc/glibc.h"

#include <algorithm>
#include <array>

#include "base/counted.h"
#include "memory/glibc/arena.h"
#include "memory/glibc/heaps.h"
#include "memory/glibc/types.h"

namespace heapwatch::memory::glibc {

namespace {

constexpr const char* owner = "glibc";
constexpr const char* large = "large blocks";
constexpr const char* not_walked = "not walked";

void claim_arena(const Arena& arena, Found& found) {
  for (const Piece& piece : arena.pieces) {
    found.claims.push_back({.begin = piece.claim_begin,
                            .end = piece.claim_end,
                            .space = Space::native,
                            .owner = owner,
                            .state = arena.broken.empty() ? State::overhead : State::mapped,
                            .source = arena.broken.empty() ? Source::walk : Source::mapping,
                            .detail = arena.broken.empty() ? "" : not_walked});
  }
}

Split split_of(State to, const char* detail, std::uint64_t bytes) {
  return {.space = Space::native,
          .owner = owner,
          .from = State::overhead,
          .to = to,
          .detail = detail,
          .bytes = bytes,
          .source = Source::walk};
}

/// How far off the rows of a heap may be that changed while it was walked.
std::uint64_t torn_bytes_of(const Heaps& heaps) {
  return heaps.is_torn() ? heaps.moved_bytes : 0;
}

void split_arenas(const Heaps& heaps, Found& found) {
  Resident all;
  std::uint64_t blocks = 0;
  for (const Arena& arena : heaps.arenas) {
    if (!arena.broken.empty()) {
      continue;
    }
    const Resident& one = arena.resident;
    all.live += one.live;
    all.free_pages += one.free_pages + one.top_trimmed;
    all.free_rest += one.free_rest;
    all.top += one.top - std::min(one.top, one.top_trimmed);
    all.idle += one.idle;
    blocks += arena.live_blocks();
  }
  Split live = split_of(State::live, "", all.live);
  live.blocks = blocks;
  const std::array splits{
      std::move(live),
      split_of(State::held, "free, whole pages: malloc_trim gives them back", all.free_pages),
      split_of(State::held, "free, beside live blocks", all.free_rest),
      split_of(State::held, "top of the heaps, not used yet", all.top),
      split_of(State::held, "free, in caches of threads", all.idle)};
  for (const Split& split : splits) {
    found.splits.push_back(split);
    found.splits.back().torn_bytes = torn_bytes_of(heaps);
  }
}

void take_mmapped(const Heaps& heaps, Found& found) {
  for (const MmappedBlock& block : heaps.mmapped) {
    found.claims.push_back({.begin = block.begin,
                            .end = block.end,
                            .space = Space::native,
                            .owner = owner,
                            .state = State::overhead,
                            .source = Source::walk});
  }
  if (!heaps.mmapped.empty()) {
    Split live = split_of(State::live, large, heaps.mmapped_resident.live);
    live.blocks = heaps.mmapped.size();
    live.note = "mapped one by one";
    live.torn_bytes = torn_bytes_of(heaps);
    found.splits.push_back(std::move(live));
  }
}

/// What is glibc's by its place and shape, as a whole, where its arenas do not tell. What others
/// have claimed stays theirs.
void claim_by_place(const Look& look, Found& found) {
  std::vector<process::Range> parts =
      thread_heaps_in(look.view, look.so_far.unclaimed_heap_memory());
  if (const auto heap = brk_heap(look.view)) {
    parts.push_back(*heap);
  }
  for (const process::Range& part : parts) {
    found.claims.push_back({.begin = part.begin,
                            .end = part.end,
                            .space = Space::native,
                            .owner = owner,
                            .state = State::mapped,
                            .source = Source::mapping,
                            .detail = not_walked});
  }
}

AllocatorReport report_of(const Heaps& heaps) {
  AllocatorReport report{
      .name = "glibc", .version = heaps.layout.version, .walked = !heaps.is_torn()};
  const Mallinfo info = heaps.mallinfo();
  Sizes sizes;
  std::uint64_t idle = 0;
  for (const Arena& arena : heaps.arenas) {
    report.walked = report.walked && arena.broken.empty();
    report.trim_bytes += arena.resident.free_pages + arena.resident.top_trimmed;
    report.blocks += arena.live_blocks();
    for (const auto& [size, blocks] : arena.sizes) {
      sizes[size] += blocks;
    }
    for (const FreeChunk& chunk : arena.cached) {
      idle += chunk.size;
    }
  }
  for (const MmappedBlock& block : heaps.mmapped) {
    ++sizes[block.size];
  }
  report.blocks += heaps.mmapped.size();
  // What lies in the threads' caches is in use to glibc, and free to everybody else.
  report.in_use_bytes = info.uordblks - std::min(info.uordblks, idle) + info.hblkhd;
  report.free_bytes = info.fordblks + idle;
  report.arenas = heaps.arenas.size();
  report.sizes = most_bytes_first(sizes);
  return report;
}

Check check_of(const Heaps& heaps) {
  Check check{.reader = owner};
  std::size_t broken = 0;
  for (const Arena& arena : heaps.arenas) {
    if (!arena.broken.empty() && broken++ == 0) {
      check.ok = false;
      check.note = std::string(arena.is_main ? "the main arena" : "an arena") +
                   " was not walked: " + arena.broken;
    }
  }
  if (broken > 1) {
    check.note += "; and " + base::counted(broken - 1, "other");
  }
  if (check.ok) {
    check.note =
        base::counted(heaps.arenas.size(), "arena") + " walked to the top, as large as glibc says";
  }
  if (!heaps.layout.parameters) {
    check.ok = check.ok && !heaps.has_run;
    check.note += "; its count of large blocks was not found";
  } else if (!heaps.mmapped_agree) {
    check.ok = false;
    check.note += "; " + std::to_string(heaps.mmapped.size()) +
                  " large blocks found where glibc counts " +
                  std::to_string(heaps.layout.parameters->mmaps);
  } else {
    check.note += ", " + base::counted(heaps.mmapped.size(), "large block");
  }
  if (heaps.is_torn()) {
    check.is_torn = check.ok;
    check.ok = false;
    check.note = torn_note(heaps.moved_bytes) + "; " + check.note;
  } else if (!check.ok && heaps.has_run) {
    check.note = "torn: " + check.note;
  }
  return check;
}

}  // namespace

Found find(const Look& look) {
  Found found;
  if (!look.view.denied().empty()) {
    return found;
  }
  const auto before = look.view.memory()->run_time();
  auto layout = find_layout(look.view);
  const bool is_odd = !layout && has_libc(look.view);
  for (int i = 1; i < tries && !layout && is_odd; ++i) {  // it changes while it is looked for
    layout = find_layout(look.view);
  }
  if (!layout) {
    if (const std::string other = is_odd ? other_malloc(look.view) : ""; !other.empty()) {
      found.checks.push_back({owner, true, "not in use: malloc is that of " + other});
    } else if (is_odd) {
      const bool has_run = !before || before != look.view.memory()->run_time();
      found.checks.push_back({owner, false,
                              std::string(has_run ? "torn: " : "") +
                                  "libc is there, and its arenas were not made out"});
      claim_by_place(look, found);
    }
    return found;
  }
  auto heaps = find_heaps(look, *std::move(layout), before);
  if (!heaps) {
    return found;
  }
  for (const Arena& arena : heaps->arenas) {
    claim_arena(arena, found);
  }
  take_mmapped(*heaps, found);
  split_arenas(*heaps, found);
  // An arena that does not tell its heaps, or one that came meanwhile.
  if (heaps->has_run || std::any_of(heaps->arenas.begin(), heaps->arenas.end(),
                                    [](const Arena& arena) { return !arena.broken.empty(); })) {
    claim_by_place(look, found);
  }
  found.checks.push_back(check_of(*heaps));
  found.allocators.push_back(report_of(*heaps));
  if (look.options.types) {
    found.types = count_types(look.view, *heaps);
  }
  found.glibc = std::move(heaps);
  return found;
}

}  // namespace heapwatch::memory::glibc
