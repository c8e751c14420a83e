#include "memory/pymalloc/pymalloc.h"

#include <algorithm>

#include "memory/pymalloc/interpreter.h"
#include "memory/pymalloc/objects.h"

namespace heapwatch::memory::pymalloc {

namespace {

constexpr const char* free_pools = "free pools";

Claim claim_of(std::uint64_t begin, std::uint64_t end, State state, const char* detail) {
  return {.begin = begin,
          .end = end,
          .space = Space::python,
          .owner = "pymalloc",
          .state = state,
          .source = Source::walk,
          .detail = detail};
}

Split split_of(State to, const char* detail, std::uint64_t bytes,
               std::optional<std::uint64_t> blocks = std::nullopt) {
  return {.space = Space::python,
          .owner = "pymalloc",
          .from = State::held,
          .from_detail = free_pools,
          .to = to,
          .detail = detail,
          .bytes = bytes,
          .blocks = blocks,
          .source = Source::walk,
          .note = {}};
}

/// What is resident of pools: live blocks are, then freed ones, then headers and rounding.
struct Resident {
  std::uint64_t live = 0;
  std::uint64_t blocks = 0;
  std::uint64_t free = 0;
  std::uint64_t overhead = 0;

  void add(const Pool& pool, std::uint64_t resident) {
    const std::uint64_t live_here = std::min(pool.live_bytes(), resident);
    const std::uint64_t overhead_here =
        std::min(pool.bytes - pool.live_bytes() - pool.free_bytes(), resident - live_here);
    live += live_here;
    blocks += pool.live;
    overhead += overhead_here;
    free += resident - live_here - overhead_here;
  }
};

Arenas arenas_of(const Look& look, const Interpreter& interpreter) {
  const std::vector<process::Range> memory = look.so_far.unclaimed_heap_memory();
  process::Words words(look.view, process::pages_to_read(look.view));
  return find_arenas(words, look.view, interpreter.module, find_pools(look.view, memory));
}

AllocatorReport report_of(const Arenas& arenas, const std::string& version) {
  const Totals totals = totals_of(arenas);
  AllocatorReport report{.name = "pymalloc",
                         .version = version,
                         .in_use_bytes = totals.live_bytes,
                         .free_bytes = totals.free_bytes,
                         .blocks = totals.live_blocks,
                         .arenas = totals.arenas,
                         .walked = true};
  BlocksBySize by_size;
  for (const Arena& arena : arenas.arenas) {
    for (const Pool& pool : arena.used) {
      by_size[pool.block_bytes] += pool.live;
    }
  }
  report.sizes = most_bytes_first(by_size);
  return report;
}

/// Of an arena the resident bytes that are in none of its pools in use.
std::uint64_t rest_of(const Look& look, const Arena& arena) {
  std::uint64_t rest = look.view.residency().bytes(arena.begin, arena.end());
  for (const Pool& pool : arena.used) {
    rest -= std::min(rest, look.view.residency().bytes(pool.begin, pool.end()));
  }
  return rest;
}

}  // namespace

Totals totals_of(const Arenas& arenas) {
  Totals totals{.arenas = arenas.arenas.size(), .free_pools = arenas.free_pools};
  for (const Arena& arena : arenas.arenas) {
    totals.alignment_bytes += arena.alignment_bytes();
    for (const Pool& pool : arena.used) {
      totals.live_blocks += pool.live;
      totals.live_bytes += pool.live_bytes();
      totals.free_blocks += pool.capacity() - pool.live;
      totals.free_bytes += pool.free_bytes();
      totals.header_bytes += pool_header_bytes;
      totals.rounding_bytes +=
          pool.bytes - pool_header_bytes - std::uint64_t{pool.capacity()} * pool.block_bytes;
    }
  }
  return totals;
}

std::optional<Arenas> read_arenas(const Look& look) {
  const auto interpreter = find_interpreter(look.view);
  return interpreter ? std::optional(arenas_of(look, *interpreter)) : std::nullopt;
}

Found find(const Look& look) {
  Found found;
  const auto interpreter = find_interpreter(look.view);
  if (!interpreter) {
    return found;
  }
  const Arenas arenas = arenas_of(look, *interpreter);
  process::AscendingResidency residency(look.view.residency());
  Resident resident;
  for (const Arena& arena : arenas.arenas) {
    found.claims.push_back(claim_of(arena.begin, arena.end(), State::held, free_pools));
    for (const Pool& pool : arena.used) {
      resident.add(pool, residency.bytes(pool.begin, pool.end()));
    }
  }
  for (const Pool& pool : arenas.strays) {
    found.claims.push_back(
        claim_of(pool.begin, pool.end(), State::mapped, "pools of an unknown arena"));
  }
  found.splits.push_back(split_of(State::live, "", resident.live, resident.blocks));
  found.splits.push_back(split_of(State::held, "free in pools", resident.free));
  found.splits.push_back(
      split_of(State::overhead, "headers and rounding of pools", resident.overhead));
  std::uint64_t unknown = 0;  // pools that an arena says are in use, and that were not seen
  std::uint64_t unknown_bytes = 0;
  for (const Arena& arena : arenas.arenas) {
    const std::uint64_t in_use = arena.pools - arena.free_pools;
    const std::uint64_t unseen = in_use - std::min<std::uint64_t>(in_use, arena.used.size());
    unknown += unseen;
    unknown_bytes += unseen == 0 ? 0 : std::min(rest_of(look, arena), unseen * arena.pool_bytes);
  }
  if (unknown > 0) {
    found.splits.push_back(
        split_of(State::mapped, "pools that were not recognised", unknown_bytes));
  }
  found.allocators.push_back(report_of(arenas, interpreter->version));
  if (look.options.types) {
    Objects objects = count_objects(look, interpreter->module, arenas);
    found.types = std::move(objects.counts);
    if (!objects.is_whole) {
      found.checks.push_back({"types of Python", false,
                              "what blocks point at is spread too far: objects may be missing"});
    }
  }
  const bool ok = unknown == 0 && arenas.strays.empty();
  found.checks.push_back({"pymalloc", ok,
                          ok ? "each pool's blocks and each arena's pools add up"
                             : std::to_string(unknown) + " pools in use were not recognised, " +
                                   std::to_string(arenas.strays.size()) +
                                   " are of an unknown arena"});
  return found;
}

}  // namespace heapwatch::memory::pymalloc
