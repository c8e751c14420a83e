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
// A process that runs on changes its bins while they are read: the page of an arena that was read a
// moment ago says nothing of the chunks that are read now. So a ring that does not hold is read
// again by itself, bin and neighbours within a few microseconds of one another, some times over.
//
// Everything may be forged. A ring that holds costs a bounded number of reads, and what is wrong
// after it does not pass the walk (walk.cpp).
#include "memory/glibc/layout.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>
#include <span>

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
/// From an arena to its bins: 2.27 to 2.42, up to 2.26, from 2.43.
constexpr std::array<std::uint64_t, 3> distances{0x70, 0x68, 0x18};
constexpr std::uint64_t fastbins_bytes = 80;

/// How often that is read again which does not hold together, and how many such reads there are in
/// all: what only looks like bins does not hold either.
constexpr int moments_max = 8;
constexpr std::size_t reads_again_max = 20'000;

/// Words as they are now, past what was read before.
class Now {
 public:
  explicit Now(const ProcessView& view) : view_(view) {}

  /// Whether something may be read once more.
  [[nodiscard]] bool may_read_again() { return again_ < reads_again_max && ++again_ > 0; }

  template <typename T>
  [[nodiscard]] std::optional<T> get(std::uint64_t address) const {
    T value{};
    const auto out = std::as_writable_bytes(std::span(&value, 1));
    return view_.read(address, out) == sizeof value ? std::optional(value) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::uint64_t> u64(std::uint64_t address) const {
    return get<std::uint64_t>(address);
  }

 private:
  const ProcessView& view_;
  std::size_t again_ = 0;
};

/// Whether the two words at `slot` head a ring. `words`: Words, or Now.
template <typename From>
bool is_ring(From& words, std::uint64_t slot) {
  const std::uint64_t self = slot - header_bytes;
  const auto pair = words.template get<std::array<std::uint64_t, 2>>(slot);
  if (!pair) {
    return false;
  }
  const auto [first, last] = *pair;
  if (first == self && last == self) {
    return true;
  }
  // Two copies of one word are no proof: both neighbours must point back.
  return first % 16 == 0 && last % 16 == 0 && words.u64(first + 24) == self &&
         words.u64(last + 16) == self;
}

/// Whether two words may be a bin's at some moment: never zero, and as aligned as chunks are.
bool may_head_a_ring(Words& words, std::uint64_t slot) {
  const auto pair = words.get<std::array<std::uint64_t, 2>>(slot);
  return pair && std::all_of(pair->begin(), pair->end(),
                             [](std::uint64_t word) { return word != 0 && word % 16 == 0; });
}

bool is_ring_at_some_moment(Words& words, Now& now, std::uint64_t slot) {
  if (!may_head_a_ring(words, slot)) {
    return false;
  }
  for (int i = 0; i < moments_max && now.may_read_again(); ++i) {
    if (is_ring(now, slot)) {
      return true;
    }
  }
  return false;
}

/// Which slots head a ring. Each is judged once, however many places the bins might begin at.
class Rings {
 public:
  Rings(Words& words, Now& now) : words_(words), now_(now) {}

  [[nodiscard]] bool holds(std::uint64_t slot) {
    const auto [known, is_new] = judged_.try_emplace(slot, false);
    if (is_new) {
      known->second = is_ring(words_, slot) || is_ring_at_some_moment(words_, now_, slot);
    }
    return known->second;
  }

 private:
  Words& words_;
  Now& now_;
  std::map<std::uint64_t, bool> judged_;
};

/// Of the rings that would be an arena's bins, those that do not hold; more than bad_rings_max is
/// not counted further.
std::size_t bad_rings(Rings& rings, std::uint64_t start) {
  std::size_t bad = 0;
  for (std::size_t i = 0; i < bins && bad <= bad_rings_max; ++i) {
    bad += rings.holds(start + i * 16) ? 0 : 1;
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
std::vector<Candidate> find_bins(const ProcessView& view, Words& words, Now& now,
                                 const Range& range) {
  std::vector<Candidate> candidates;
  std::set<std::uint64_t> tried;
  process::Window window(view);
  Rings rings(words, now);
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
      if (const std::size_t bad = bad_rings(rings, start); bad <= bad_rings_max) {
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

/// The arenas in the order of their ring, the main one first, when it lies so far below its bins:
/// as far as all others do. Empty when the ring does not close.
std::vector<std::uint64_t> arenas_of(Words& words, std::uint64_t bins_start,
                                     std::uint64_t distance) {
  const std::uint64_t next_at = distance + bins * 16 + binmap_bytes;
  const std::uint64_t main_arena = bins_start - distance;
  std::vector<std::uint64_t> ring{main_arena};
  std::set<std::uint64_t> seen{main_arena};
  auto next = words.u64(main_arena + next_at);
  while (next && *next != main_arena) {
    if (*next == 0 || ring.size() >= arenas_max || !seen.insert(*next).second) {
      return {};
    }
    ring.push_back(*next);
    next = words.u64(*next + next_at);
  }
  return next ? ring : std::vector<std::uint64_t>{};
}

enum class SystemMem : std::uint8_t { no, odd, yes };

/// Whether an arena's system_mem and max_system_mem stand at an offset. Odd: they may, and its top
/// chunk lacks its header, or is larger. What a thread is at work on is read in the order in which
/// glibc writes it, the last first.
template <typename From>
SystemMem system_mem_of(From& words, const StateLayout& state, std::uint64_t arena,
                        std::uint64_t offset) {
  const auto top = words.u64(arena + state.top);
  const bool is_initial = top == arena + state.bins - header_bytes;
  const auto top_size = top && !is_initial ? words.u64(*top + 8) : std::nullopt;
  const auto size_and_most = words.template get<std::array<std::uint64_t, 2>>(arena + offset);
  if (!top || !size_and_most) {
    return SystemMem::no;
  }
  const auto [size, most] = *size_and_most;
  if (size > most || size % 16 != 0 || most % 16 != 0) {
    return SystemMem::no;
  }
  return is_initial || (top_size && (*top_size & size_mask) <= size) ? SystemMem::yes
                                                                     : SystemMem::odd;
}

/// Whether they stand there in every arena. A top chunk may lack its header while a thread is at
/// work there: most must hold.
bool is_system_mem(Words& words, Now& now, const Layout& layout, std::uint64_t offset) {
  std::size_t odd = 0;
  for (const std::uint64_t arena : layout.arenas) {
    SystemMem found = system_mem_of(words, layout.state, arena, offset);
    for (int i = 0; i < moments_max && found != SystemMem::yes && now.may_read_again(); ++i) {
      found = system_mem_of(now, layout.state, arena, offset);
    }
    if (found == SystemMem::no) {
      return false;
    }
    odd += found == SystemMem::odd ? 1 : 0;
  }
  return odd * 2 < layout.arenas.size();
}

std::optional<Layout> layout_at(Words& words, Now& now, std::uint64_t bins_start) {
  for (const std::uint64_t distance : distances) {
    Layout layout;
    layout.arenas = arenas_of(words, bins_start, distance);
    if (layout.arenas.empty()) {
      continue;
    }
    StateLayout& state = layout.state;
    state.bins = distance;
    state.top = state.bins - 16;
    state.fastbins = state.bins > fastbins_bytes ? state.top - fastbins_bytes : 0;
    state.next = state.bins + bins * 16 + binmap_bytes;
    for (const std::uint64_t offset : {state.next + 16, state.next + 24}) {
      if (is_system_mem(words, now, layout, offset)) {
        state.system_mem = offset;
        state.bytes = offset + 16;
        return layout;
      }
    }
  }
  return std::nullopt;
}

/// Whether a word of libc's data is sbrk_base, by what stands before it.
template <typename From>
std::optional<Parameters> parameters_at(From& words, std::uint64_t at, std::uint64_t base) {
  for (const std::uint64_t to_mmapped : {16U, 24U}) {
    const auto mmapped = words.u64(at - to_mmapped);
    const auto most = words.u64(at - to_mmapped + 8);
    if (!mmapped || !most || *mmapped > *most) {
      continue;
    }
    for (const std::uint64_t to_counts : {16U, 20U}) {
      const auto counts =
          words.template get<std::array<std::uint32_t, 4>>(at - to_mmapped - to_counts);
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
std::optional<Parameters> find_parameters(const ProcessView& view, Words& words, Now& now,
                                          const Range& data, const std::optional<Range>& heap) {
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
      auto found = parameters_at(words, at, *word);
      for (int i = 0; i < moments_max && !found && now.may_read_again(); ++i) {
        found = parameters_at(now, at, *word);
      }
      if (found) {
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
    // heapwatch's own counts what it passes on.
    if (!is_system && !process::is_heapwatch_library(module) &&
        process::Symbols(words, module).find("malloc")) {
      return std::string(module.base_name());
    }
  }
  return {};
}

std::optional<Layout> find_layout(const ProcessView& view) {
  Words words(view);
  Now now(view);
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
      for (const Candidate& candidate : find_bins(view, words, now, data)) {
        auto layout = layout_at(words, now, candidate.bins);
        if (!layout) {
          continue;
        }
        layout->version = version_of(words, module);
        layout->data = data;
        layout->parameters = find_parameters(view, words, now, data, heap);
        return layout;
      }
    }
  }
  return std::nullopt;
}

}  // namespace heapwatch::memory::glibc
