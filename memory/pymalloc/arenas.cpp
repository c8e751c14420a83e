// The table of arenas is a block of malloc's: 48 bytes an arena, at the index that its pools name.
// A word in the interpreter's data points at it. So a word is the table's address when the entry at
// a pool's index says that the arena begins before the pool and ends behind it; that this holds for
// all pools makes it certain.
//
// Source: python/cpython:Include/internal/pycore_obmalloc.h (arena_object).
#include "memory/pymalloc/arenas.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>

namespace heapwatch::memory::pymalloc {

namespace {

constexpr std::uint64_t entry_bytes = 48;
constexpr std::uint64_t data_bytes_max = std::uint64_t{64} << 20;
constexpr std::size_t tables_max = 64;
/// Words that could be a table's address and are tried on all pools.
constexpr std::size_t candidates_max = 256;
/// So many pools tell whether a word is the table's address.
constexpr std::size_t samples_max = 256;
/// Words are tried as a table's address so often, for all tables together.
constexpr std::size_t tries_max = std::size_t{1} << 20;
constexpr std::size_t pointers_max = std::size_t{1} << 16;
/// A quarter of a tebibyte of arenas, of all tables.
constexpr std::uint64_t entries_max = std::uint64_t{1} << 18;

struct Entry {
  std::uint64_t address;
  std::uint64_t pool_address;
  std::uint32_t free_pools;
  std::uint32_t pools;
};

std::uint64_t arena_bytes_of(const Pool& pool) {
  return pool.bytes == small_pool ? std::uint64_t{256} << 10 : std::uint64_t{1} << 20;
}

std::optional<Entry> entry_of(process::Words& words, std::uint64_t table, const Pool& pool) {
  const auto entry = words.get<Entry>(table + pool.arena * entry_bytes);
  const std::uint64_t bytes = arena_bytes_of(pool);
  const bool fits = entry && entry->address != 0 && entry->address % process::page_bytes == 0 &&
                    entry->address <= pool.begin && pool.end() <= entry->address + bytes &&
                    entry->pools != 0 && entry->pools <= bytes / pool.bytes &&
                    entry->free_pools <= entry->pools && entry->pool_address >= entry->address &&
                    entry->pool_address <= entry->address + bytes;
  return fits ? entry : std::nullopt;
}

/// An arena without a live block: the interpreter keeps one. It is found by its entry alone.
std::optional<Arena> empty_arena(process::Words& words, const process::ProcessView& view,
                                 std::uint64_t entry_address, std::uint32_t pool_bytes) {
  const std::uint64_t bytes =
      pool_bytes == small_pool ? std::uint64_t{256} << 10 : std::uint64_t{1} << 20;
  const auto entry = words.get<Entry>(entry_address);
  if (!entry || entry->address == 0 || entry->address % process::page_bytes != 0) {
    return std::nullopt;
  }
  const std::uint64_t lost = (pool_bytes - entry->address % pool_bytes) % pool_bytes;
  const std::uint64_t pools = (bytes - lost) / pool_bytes;
  const process::Mapping* const mapping = view.mapping_at(entry->address);
  const bool fits = entry->pools == pools && entry->free_pools == pools &&
                    entry->pool_address >= entry->address &&
                    entry->pool_address <= entry->address + bytes && mapping != nullptr &&
                    mapping->is_anonymous() && mapping->writable;
  if (!fits) {
    return std::nullopt;
  }
  return Arena{.begin = entry->address,
               .bytes = bytes,
               .pool_bytes = pool_bytes,
               .pools = entry->pools,
               .free_pools = entry->free_pools,
               .used = {}};
}

bool leads_to_a_heap(const process::ProcessView& view, std::uint64_t address) {
  const process::Mapping* const mapping = view.mapping_at(address);
  return mapping != nullptr && mapping->is_anonymous() && mapping->writable;
}

/// Words of the interpreter's data that point into writable anonymous memory, each once.
std::vector<std::uint64_t> pointers_of(const process::ProcessView& view,
                                       const process::Module& module) {
  std::vector<std::uint64_t> pointers;
  std::uint64_t looked_at = 0;
  for (const process::Segment& segment : module.segments) {
    process::Window window(view);
    for (std::uint64_t at = (segment.begin + 7) & ~std::uint64_t{7};
         segment.writable && at + 8 <= segment.memory_end && looked_at < data_bytes_max;
         at += 8, looked_at += 8) {
      const auto word = window.get<std::uint64_t>(at);
      if (word && *word % 8 == 0 && *word > process::page_bytes && pointers.size() < pointers_max &&
          leads_to_a_heap(view, *word)) {
        pointers.push_back(*word);
      }
    }
  }
  std::sort(pointers.begin(), pointers.end());
  pointers.erase(std::unique(pointers.begin(), pointers.end()), pointers.end());
  return pointers;
}

/// Pools spread over all, the first one among them.
std::vector<Pool> samples_of(std::span<const Pool> pools) {
  std::vector<Pool> samples;
  const std::size_t count = std::min(pools.size(), samples_max);
  samples.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    samples.push_back(pools[pools.size() * i / count]);
  }
  return samples;
}

/// The table that knows most of the pools; the first pool must be one of them.
std::optional<std::uint64_t> table_of(process::Words& words, const std::vector<std::uint64_t>& from,
                                      std::span<const Pool> pools, std::size_t& tries_left) {
  std::optional<std::uint64_t> best;
  std::size_t best_count = 0;
  std::size_t candidates = 0;
  const std::vector<Pool> samples = samples_of(pools);
  for (const std::uint64_t table : from) {
    if (tries_left == 0) {
      break;
    }
    --tries_left;
    if (!entry_of(words, table, pools.front())) {
      continue;
    }
    if (++candidates > candidates_max) {
      break;
    }
    const auto count = static_cast<std::size_t>(
        std::count_if(samples.begin(), samples.end(),
                      [&](const Pool& pool) { return entry_of(words, table, pool).has_value(); }));
    if (count > best_count) {
      best = table;
      best_count = count;
    }
  }
  return best;
}

/// The table has room for a power of two of arenas; those with a higher index than any pool names
/// can be empty ones.
void add_empty_arenas(process::Words& words, const process::ProcessView& view, std::uint64_t table,
                      std::span<const Pool> pools, std::uint64_t& entries_left,
                      std::map<std::uint64_t, Arena>& arenas) {
  std::uint64_t highest = 0;
  for (const Pool& pool : pools) {
    if (entry_of(words, table, pool)) {
      highest = std::max<std::uint64_t>(highest, pool.arena);
    }
  }
  constexpr std::uint64_t room_min = 16;
  const std::uint64_t room =
      std::min(entries_left, std::max(room_min, std::bit_ceil(highest + 1)) * 2);
  entries_left -= room;
  for (std::uint64_t index = 0; index < room; ++index) {
    auto arena = empty_arena(words, view, table + index * entry_bytes, pools.front().bytes);
    if (arena) {
      const std::uint64_t begin = arena->begin;
      arenas.try_emplace(begin, *std::move(arena));
    }
  }
}

}  // namespace

std::uint64_t Arena::alignment_bytes() const {
  return bytes - std::uint64_t{pools} * pool_bytes;
}

Arenas find_arenas(process::Words& words, const process::ProcessView& view,
                   const process::Module& interpreter, std::vector<Pool> pools) {
  Arenas found;
  const std::vector<std::uint64_t> pointers =
      pools.empty() ? std::vector<std::uint64_t>{} : pointers_of(view, interpreter);
  std::map<std::uint64_t, Arena> arenas;
  std::uint64_t entries_left = entries_max;
  std::size_t tries_left = tries_max;
  for (std::size_t tables = 0; !pools.empty() && tables < tables_max; ++tables) {
    const auto table = table_of(words, pointers, pools, tries_left);
    std::vector<Pool> left;
    for (const Pool& pool : pools) {
      const auto entry = table ? entry_of(words, *table, pool) : std::nullopt;
      if (!entry) {
        left.push_back(pool);
        continue;
      }
      Arena& arena = arenas[entry->address];
      arena.begin = entry->address;
      arena.bytes = arena_bytes_of(pool);
      arena.pool_bytes = pool.bytes;
      arena.pools = entry->pools;
      arena.free_pools = entry->free_pools;
      arena.used.push_back(pool);
    }
    if (table) {
      add_empty_arenas(words, view, *table, pools, entries_left, arenas);
    } else {  // the first pool is in none: put it aside and go on with the others
      found.strays.push_back(left.front());
      left.erase(left.begin());
    }
    pools = std::move(left);
  }
  found.strays.insert(found.strays.end(), pools.begin(), pools.end());
  for (auto& [begin, arena] : arenas) {
    if (arena.used.size() + arena.free_pools > arena.pools) {  // it has no room for them
      found.strays.insert(found.strays.end(), arena.used.begin(), arena.used.end());
      continue;
    }
    found.free_pools += arena.free_pools;
    found.arenas.push_back(std::move(arena));
  }
  return found;
}

}  // namespace heapwatch::memory::pymalloc
