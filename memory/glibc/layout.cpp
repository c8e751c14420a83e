// How the main arena is recognised.
//
// An arena holds 127 bins, each the head of a ring: two words, the first and the last free chunk of
// the bin, or the bin itself when it is empty. "Itself" is the address 16 bytes before the words,
// as if they stood in a chunk. So an arena is a place in libc's writable data where 127 rings in a
// row hold: word pairs that point to themselves, or to chunks that point back. In a busy arena
// nearly all bins are in use, so the empty ones are only where the search begins.
//
// The word behind the bins and their map is `next`: the arenas form a ring. The one that lies just
// below the bins that were found is the main arena, and the distance is the layout; what stands
// between is known from the distance alone. Whether a count of threads stands before system_mem is
// seen from the words themselves: memory taken from the system is never less than the arena's top
// chunk.
//
// Everything may be forged. A ring that holds costs a bounded number of reads, and what is wrong
// after it does not pass the walk (walk.cpp).
#include "memory/glibc/layout.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "memory/process/modules.h"

namespace heapwatch::memory::glibc {

namespace {

using process::ProcessView;
using process::Range;
using process::Words;

constexpr std::size_t bins = 127;
constexpr std::size_t binmap_bytes = 16;
constexpr std::size_t bad_rings_max = 3;  // of a process that runs on
constexpr std::uint64_t data_bytes_max = std::uint64_t{256} << 20;
constexpr std::size_t starts_max = 4096;
constexpr std::uint64_t before_bins_max = 0x80;
constexpr std::uint64_t fastbins_bytes = 80;

/// Whether the two words at `slot` head a ring.
bool is_ring(Words& words, std::uint64_t slot) {
  const std::uint64_t self = slot - header_bytes;
  const auto first = words.u64(slot);
  const auto last = words.u64(slot + 8);
  if (!first || !last) {
    return false;
  }
  if (*first == self && *last == self) {
    return true;
  }
  // Two copies of one word are no proof: both neighbours must point back.
  return *first % 16 == 0 && *last % 16 == 0 && words.u64(*first + 24) == self &&
         words.u64(*last + 16) == self;
}

/// Of the rings that would be an arena's bins, those that do not hold; more than bad_rings_max is
/// not counted further.
std::size_t bad_rings(Words& words, std::uint64_t start) {
  std::size_t bad = 0;
  for (std::size_t i = 0; i < bins && bad <= bad_rings_max; ++i) {
    bad += is_ring(words, start + i * 16) ? 0 : 1;
  }
  return bad;
}

struct Candidate {
  std::uint64_t bins = 0;
  std::size_t bad = 0;
};

/// Writable data of a module in which its arenas may lie.
std::vector<Range> data_of(const process::Module& module) {
  std::vector<Range> ranges;
  for (const process::Segment& segment : module.segments) {
    if (segment.writable && segment.memory_end - segment.begin <= data_bytes_max) {
      ranges.push_back({segment.begin & ~std::uint64_t{7}, segment.memory_end});
    }
  }
  return ranges;
}

/// Places in a range where nearly all rings hold, the best first.
std::vector<Candidate> find_bins(const ProcessView& view, Words& words, const Range& range) {
  std::vector<Candidate> candidates;
  std::set<std::uint64_t> tried;
  process::Window window(view);
  for (std::uint64_t at = range.begin; at + 16 <= range.end; at += 8) {
    const auto pair = window.get<std::array<std::uint64_t, 2>>(at);
    if (!pair || (*pair)[0] != at - header_bytes || (*pair)[1] != at - header_bytes) {
      continue;
    }
    for (std::size_t i = 0; i < bins && tried.size() < starts_max; ++i) {
      const std::uint64_t start = at - i * 16;
      if (start < range.begin || !tried.insert(start).second) {
        continue;
      }
      if (const std::size_t bad = bad_rings(words, start); bad <= bad_rings_max) {
        candidates.push_back({start, bad});
      }
    }
    if (!candidates.empty()) {
      at = std::max(at, candidates.back().bins + bins * 16);
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.bad < b.bad; });
  return candidates;
}

/// Follows the ring of arenas from the word at `next_slot`. Empty when it does not close.
std::vector<std::uint64_t> arenas_of(Words& words, std::uint64_t bins_start,
                                     std::uint64_t& main_arena) {
  const std::uint64_t next_slot = bins_start + bins * 16 + binmap_bytes;
  std::vector<std::uint64_t> ring;
  std::set<std::uint64_t> seen;
  auto arena = words.u64(next_slot);
  main_arena = 0;
  // The distance of `next` within an arena is known once the main arena is.
  while (arena && ring.size() < arenas_max) {
    const bool is_main = *arena < bins_start && bins_start - *arena <= before_bins_max;
    if (is_main) {
      main_arena = *arena;
      break;
    }
    ring.push_back(*arena);
    if (!seen.insert(*arena).second) {
      return {};
    }
    // All arenas have one layout: the main one's distance is among three.
    std::optional<std::uint64_t> next;
    for (const std::uint64_t distance : {0x70U, 0x68U, 0x18U}) {
      const auto word = words.u64(*arena + distance + bins * 16 + binmap_bytes);
      const bool is_own_bin =
          words.u64(*arena + distance).has_value() && is_ring(words, *arena + distance);
      if (word && is_own_bin && *word != 0) {
        next = word;
        break;
      }
    }
    arena = next;
  }
  if (main_arena == 0) {
    return {};
  }
  ring.insert(ring.begin(), main_arena);
  return ring;
}

/// Whether system_mem and max_system_mem stand at an offset, in every arena. The top chunk of an
/// arena may lack its header while a thread is at work there: most must hold.
bool is_system_mem(Words& words, const Layout& layout, std::uint64_t offset) {
  std::size_t odd = 0;
  for (const std::uint64_t arena : layout.arenas) {
    const auto size = words.u64(arena + offset);
    const auto most = words.u64(arena + offset + 8);
    const auto top = words.u64(arena + layout.state.top);
    if (!size || !most || !top || *size > *most || *size % 16 != 0 || *most % 16 != 0) {
      return false;
    }
    const bool is_initial = *top == arena + layout.state.bins - header_bytes;
    const auto top_size = words.u64(*top + 8);
    odd += !is_initial && (!top_size || (*top_size & size_mask) > *size) ? 1 : 0;
  }
  return odd * 2 < layout.arenas.size();
}

std::optional<Layout> layout_at(Words& words, std::uint64_t bins_start) {
  Layout layout;
  std::uint64_t main_arena = 0;
  layout.arenas = arenas_of(words, bins_start, main_arena);
  if (layout.arenas.empty()) {
    return std::nullopt;
  }
  StateLayout& state = layout.state;
  state.bins = bins_start - main_arena;
  state.top = state.bins - 16;
  if (state.bins == 0x68 || state.bins == 0x70) {
    state.fastbins = state.top - fastbins_bytes;
  } else if (state.bins != 0x18) {
    return std::nullopt;
  }
  state.next = state.bins + bins * 16 + binmap_bytes;
  for (const std::uint64_t offset : {state.next + 16, state.next + 24}) {
    if (is_system_mem(words, layout, offset)) {
      state.system_mem = offset;
      state.bytes = offset + 16;
      return layout;
    }
  }
  return std::nullopt;
}

/// Whether a word of libc's data is sbrk_base, by what stands before it.
std::optional<Parameters> parameters_at(Words& words, std::uint64_t at, std::uint64_t base) {
  for (const std::uint64_t to_mmapped : {16U, 24U}) {
    const auto mmapped = words.u64(at - to_mmapped);
    const auto most = words.u64(at - to_mmapped + 8);
    if (!mmapped || !most || *mmapped > *most) {
      continue;
    }
    for (const std::uint64_t to_counts : {16U, 20U}) {
      const auto counts = words.get<std::array<std::uint32_t, 4>>(at - to_mmapped - to_counts);
      if (!counts) {
        continue;
      }
      const auto [now, limit, highest, fixed] = *counts;
      const bool has_bytes = (now == 0) == (*mmapped == 0);
      if (now <= highest && highest <= limit && fixed <= 1 && limit > 0 && has_bytes) {
        return Parameters{now, *mmapped, base};
      }
    }
  }
  return std::nullopt;
}

/// malloc_par in a range of data. Its sbrk_base is the beginning of the brk heap, or, in a static
/// program, a place above it where a chunk stands; 0 while brk was not used.
std::optional<Parameters> find_parameters(const ProcessView& view, Words& words, const Range& data,
                                          const std::optional<Range>& heap) {
  if (!heap) {
    return std::nullopt;
  }
  process::Window window(view);
  std::optional<Parameters> above;
  for (std::uint64_t at = data.begin + 128; at + 8 <= data.end; at += 8) {
    const auto word = window.get<std::uint64_t>(at);
    if (!word || !heap->contains(*word) || *word % 16 != 0) {
      continue;
    }
    if (*word == heap->begin) {
      if (auto found = parameters_at(words, at, *word)) {
        return found;
      }
    } else if (!above) {
      const auto size = words.u64(*word + 8);
      const bool is_chunk = size && (*size & 7) == previous_in_use &&
                            (*size & size_mask) >= chunk_bytes_min &&
                            (*size & size_mask) <= heap->end - *word;
      if (is_chunk) {
        above = parameters_at(words, at, *word);
      }
    }
  }
  return above;
}

bool is_libc(const process::Module& module) {
  const std::string_view name = module.base_name();
  return name.compare(0, 9, "libc.so.6") == 0 || name.compare(0, 7, "libc-2.") == 0;
}

std::string version_of(Words& words, const process::Module& libc) {
  process::Symbols symbols(words, libc);
  if (const auto at = symbols.find("__nptl_version")) {
    return words.text(*at, 16).value_or("");
  }
  const std::string_view name = libc.base_name();
  if (name.compare(0, 5, "libc-") == 0) {
    return std::string(name.substr(5, name.find(".so") - 5));
  }
  return {};
}

}  // namespace

std::optional<Range> brk_heap(const ProcessView& view) {
  std::optional<Range> heap;
  for (const process::Mapping& mapping : view.mappings()) {
    if (mapping.name != "[heap]") {
      continue;
    }
    if (heap && heap->end == mapping.begin) {
      heap->end = mapping.end;
    } else if (!heap) {
      heap = mapping.range();
    }
  }
  return heap;
}

bool has_libc(const ProcessView& view) {
  const std::vector<process::Module> modules = process::find_modules(view);
  return std::any_of(modules.begin(), modules.end(), is_libc);
}

std::string other_malloc(const ProcessView& view) {
  Words words(view);
  for (const process::Module& module : process::find_modules(view)) {
    const bool is_system = is_libc(module) || module.base_name().substr(0, 3) == "ld-";
    if (!is_system && process::Symbols(words, module).find("malloc")) {
      return std::string(module.base_name());
    }
  }
  return {};
}

std::optional<Layout> find_layout(const ProcessView& view) {
  Words words(view);
  const std::vector<process::Module> modules = process::find_modules(view);
  const auto libc = std::find_if(modules.begin(), modules.end(), is_libc);
  const std::optional<Range> heap = brk_heap(view);
  for (const process::Module& module : modules) {
    // Without the library it is linked into the program.
    const bool may_hold = libc != modules.end() ? &module == &*libc : module.is_program;
    if (!may_hold) {
      continue;
    }
    for (const Range& data : data_of(module)) {
      for (const Candidate& candidate : find_bins(view, words, data)) {
        auto layout = layout_at(words, candidate.bins);
        if (!layout) {
          continue;
        }
        layout->version = version_of(words, module);
        layout->data = data;
        layout->parameters = find_parameters(view, words, data, heap);
        return layout;
      }
    }
  }
  return std::nullopt;
}

}  // namespace heapwatch::memory::glibc
