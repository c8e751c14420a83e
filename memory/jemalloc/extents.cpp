// A descriptor of an extent takes 128 bytes on a border of as many, somewhere in jemalloc's own
// memory. Its words look like much else, and descriptors of what is gone stay behind: the ones that
// count are those that the tree leads to. The tree has two levels: a root in the module's zeroed
// data, and leaves of 2 MiB, each for 1 GiB of addresses, with a word a page that holds the address
// of the descriptor of the extent there.
//
// So: every place in anonymous memory that can be a descriptor is one for a start; a word of the
// module's data that leads to a leaf in which such a descriptor stands at its page's place is a
// leaf; and what no leaf leads to is dropped.
//
// Source: jemalloc/jemalloc:include/jemalloc/internal/edata.h, rtree.h, sz.h (5.2 and 5.3).
#include "memory/jemalloc/extents.h"

#include <algorithm>
#include <array>
#include <utility>

#include "memory/process/linked_allocator.h"

namespace heapwatch::memory::jemalloc {

namespace {

using process::page_bytes;
using process::ProcessView;

constexpr std::uint64_t record_bytes = 128;
constexpr std::uint64_t classes = 232;
constexpr std::uint64_t slab_classes = 36;
constexpr std::uint64_t leaf_words = std::uint64_t{1} << 18;
constexpr std::uint64_t leaf_shift = 30;  // a leaf is for 1 GiB
constexpr std::uint64_t pointer_mask = 0x0000'ffff'ffff'ff80;
constexpr std::uint64_t data_bytes_max = std::uint64_t{64} << 20;
constexpr std::size_t records_max = 8'000'000;
constexpr std::size_t leaves_max = 4096;
constexpr std::size_t samples_max = 32;
/// Words of leaves that are read to find out which are some: hundreds of times what a heap of 100
/// GiB needs.
constexpr std::uint64_t tries_max = 20'000'000;

struct Fields {
  std::uint64_t bits;
  std::uint64_t address;
  std::uint64_t size;
};

std::uint64_t field(std::uint64_t bits, unsigned from, unsigned count) {
  return bits >> from & ((std::uint64_t{1} << count) - 1);
}

/// The extent that a record tells of, when its fields fit each other.
std::optional<Extent> extent_of(const Fields& words, std::uint64_t record) {
  constexpr unsigned used_bits = 45;
  const std::uint64_t state = field(words.bits, 17, 3);
  const std::uint64_t index = field(words.bits, 20, 8);
  const std::uint64_t free = field(words.bits, 28, 10);
  Extent extent{.record = record,
                .begin = words.address & ~(page_bytes - 1),
                .bytes = words.size & ~(page_bytes - 1),
                .is_slab = field(words.bits, 12, 1) != 0};
  const bool may_be = words.bits >> used_bits == 0 && state <= 3 && extent.bytes != 0 &&
                      words.address >= page_bytes && extent.end() < std::uint64_t{1} << 47 &&
                      extent.end() > extent.begin;
  if (!may_be) {
    return std::nullopt;
  }
  extent.state = static_cast<Extent::State>(state);
  if (extent.state != Extent::State::active) {
    return extent.begin == words.address ? std::optional(extent) : std::nullopt;
  }
  if (index >= classes || extent.is_slab != (index < slab_classes)) {
    return std::nullopt;
  }
  extent.block_bytes = bytes_of_class(index);
  // A record that was a slab's before keeps its count of free blocks, which says nothing any more.
  const std::uint64_t blocks = extent.is_slab ? extent.bytes / extent.block_bytes : 1;
  if (extent.block_bytes > extent.bytes || (extent.is_slab && free > blocks)) {
    return std::nullopt;
  }
  extent.live_blocks = extent.is_slab ? blocks - free : 1;
  return extent;
}

/// All that can be descriptors in memory that nobody has claimed, by the extents' addresses.
std::vector<Extent> candidates_of(const Look& look) {
  std::vector<Extent> found;
  process::Window window(look.view);
  for (const process::Range& range : look.so_far.unclaimed_heap_memory()) {
    for (const process::Run& run : look.view.residency().runs_in(range.begin, range.end)) {
      const std::uint64_t begin = std::max(run.begin, range.begin);
      for (std::uint64_t at = begin; at + record_bytes <= std::min(run.end, range.end);
           at += record_bytes) {
        const auto words = window.get<Fields>(at);
        const auto extent = words ? extent_of(*words, at) : std::nullopt;
        const process::Mapping* const mapping =
            extent ? look.view.mapping_at(extent->begin) : nullptr;
        if (mapping != nullptr && mapping->is_anonymous() && found.size() < records_max) {
          found.push_back(*extent);
        }
      }
    }
  }
  std::sort(found.begin(), found.end(),
            [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
  return found;
}

bool leads_to(process::Words& words, std::uint64_t leaf, const Extent& extent) {
  const std::uint64_t index = extent.begin / page_bytes % leaf_words;
  const auto word = words.u64(leaf + index * 8);
  return word && (*word & pointer_mask) == extent.record;
}

/// Words of the module's data that may be leaves' addresses, each once.
std::vector<std::uint64_t> pointers_of(const ProcessView& view, const process::Module& module) {
  std::vector<std::uint64_t> pointers;
  std::uint64_t looked_at = 0;
  for (const process::Segment& segment : module.segments) {
    process::Window window(view);
    for (const process::Run& run : view.residency().runs_in(segment.begin, segment.memory_end)) {
      const std::uint64_t begin = (std::max(run.begin, segment.begin) + 7) & ~std::uint64_t{7};
      const std::uint64_t end = std::min(run.end, segment.memory_end);
      for (std::uint64_t at = begin;
           segment.writable && at + 8 <= end && looked_at < data_bytes_max;
           at += 8, looked_at += 8) {
        const auto word = window.get<std::uint64_t>(at);
        const std::uint64_t address = word.value_or(0);
        if (address != 0 && address % 8 == 0 && view.mapping_at(address) != nullptr &&
            pointers.size() < std::size_t{1} << 20) {
          pointers.push_back(address);
        }
      }
    }
  }
  std::sort(pointers.begin(), pointers.end());
  pointers.erase(std::unique(pointers.begin(), pointers.end()), pointers.end());
  return pointers;
}

using Group = std::pair<std::vector<Extent>::const_iterator, std::vector<Extent>::const_iterator>;

/// The leaf of one GiB of addresses: the one that leads to the most of some extents there.
std::optional<std::uint64_t> leaf_of(process::Words& words, const Group& group,
                                     const std::vector<std::uint64_t>& pointers,
                                     std::uint64_t& tries_left) {
  const auto count = static_cast<std::size_t>(group.second - group.first);
  const std::size_t samples = std::min(count, samples_max);
  std::optional<std::uint64_t> best;
  std::size_t best_hits = 0;
  for (const std::uint64_t pointer : pointers) {
    std::size_t hits = 0;
    if (tries_left < samples) {
      tries_left = 0;
      return std::nullopt;
    }
    tries_left -= samples;
    for (std::size_t i = 0; i < samples; ++i) {
      const auto at = static_cast<std::ptrdiff_t>(i * count / samples);
      hits += leads_to(words, pointer, *(group.first + at)) ? 1 : 0;
    }
    if (hits > best_hits) {
      best = pointer;
      best_hits = hits;
    }
  }
  return best;
}

}  // namespace

std::uint64_t bytes_of_class(std::uint64_t index) {
  constexpr std::uint64_t linear = 8;  // classes 1 to 8 are 16 bytes apart
  if (index == 0) {
    return 8;
  }
  if (index <= linear) {
    return index * 16;
  }
  // Four to each doubling.
  const std::uint64_t doubling = (index - linear - 1) / 4;
  const std::uint64_t step = (index - linear - 1) % 4 + 1;
  return doubling < 48 ? (std::uint64_t{128} << doubling) + (step * 32 << doubling) : 0;
}

std::optional<Home> find_home(const Look& look) {
  process::Words words(look.view);
  std::optional<process::Module> program;
  for (const process::Module& module : process::find_modules(look.view)) {
    const bool may_be = module.is_program || module.base_name().substr(0, 12) == "libjemalloc.";
    if (!may_be) {
      continue;
    }
    process::Symbols symbols(words, module);
    if (symbols.find("mallctl") || symbols.find("je_mallctl")) {
      return Home{module, true};
    }
    if (module.is_program) {
      program = module;
    }
  }
  constexpr std::uint64_t much = std::uint64_t{1} << 20;
  const bool is_linked = program && look.so_far.unclaimed_heap_bytes() >= much &&
                         process::has_text(look.view, *program, process::jemalloc_text);
  return is_linked ? std::optional(Home{*program}) : std::nullopt;
}

namespace {

void check_overlap(Extents& found) {
  std::uint64_t end = 0;
  found.overlap = false;
  for (const Extent& extent : found.extents) {
    found.overlap = found.overlap || extent.begin < end;
    end = extent.end();
  }
}

Extents search(const Look& look, const process::Module& module) {
  Extents found;
  const std::vector<Extent> candidates = candidates_of(look);
  const std::vector<std::uint64_t> pointers = pointers_of(look.view, module);
  process::Words words(look.view);
  std::uint64_t tries_left = tries_max;
  for (auto first = candidates.cbegin();
       first != candidates.cend() && found.leaves.size() < leaves_max;) {
    const std::uint64_t part = first->begin >> leaf_shift;
    const auto last = std::find_if(first, candidates.cend(), [part](const Extent& extent) {
      return extent.begin >> leaf_shift != part;
    });
    if (const auto leaf = leaf_of(words, {first, last}, pointers, tries_left)) {
      found.leaves.push_back({*leaf, part << leaf_shift});
      std::copy_if(first, last, std::back_inserter(found.extents),
                   [&](const Extent& extent) { return leads_to(words, *leaf, extent); });
    }
    first = last;
  }
  found.too_much = tries_left == 0 || found.leaves.size() == leaves_max;
  check_overlap(found);
  return found;
}

/// What some leaves lead to by now.
Extents read_again(const ProcessView& view, const Extents& known) {
  Extents found{.leaves = known.leaves};
  process::Words words(view, process::pages_to_read(view));
  for (const Extents::Leaf& leaf : known.leaves) {
    process::Window window(view);
    std::uint64_t before = 0;
    const std::uint64_t end = leaf.address + leaf_words * 8;
    for (const process::Run& run : view.residency().runs_in(leaf.address, end)) {
      for (std::uint64_t at = std::max(run.begin, leaf.address); at < std::min(run.end, end);
           at += 8) {
        const std::uint64_t record = window.get<std::uint64_t>(at).value_or(0) & pointer_mask;
        if (record == 0 || record == std::exchange(before, record)) {
          continue;
        }
        const auto fields = words.get<Fields>(record);
        const auto extent = fields ? extent_of(*fields, record) : std::nullopt;
        if (extent && extent->begin == leaf.begin + (at - leaf.address) / 8 * page_bytes) {
          found.extents.push_back(*extent);
        }
      }
    }
  }
  check_overlap(found);
  return found;
}

}  // namespace

std::uint64_t Extents::live_bytes() const {
  std::uint64_t bytes = 0;
  for (const Extent& extent : extents) {
    bytes += extent.state == Extent::State::active ? extent.live_bytes() : 0;
  }
  return bytes;
}

bool Extents::is_torn() const {
  constexpr std::uint64_t share = 200;
  return moved_bytes > live_bytes() / share;
}

std::uint64_t moved_bytes_between(const Extents& before, const Extents& after) {
  std::uint64_t gone = 0;
  std::uint64_t came = 0;
  const auto live = [](const Extent& extent) {
    return extent.state == Extent::State::active ? extent.live_bytes() : 0;
  };
  auto old = before.extents.cbegin();
  auto fresh = after.extents.cbegin();
  while (old != before.extents.cend() || fresh != after.extents.cend()) {
    const bool has_both = old != before.extents.cend() && fresh != after.extents.cend();
    if (has_both && old->begin == fresh->begin && old->bytes == fresh->bytes &&
        old->block_bytes == fresh->block_bytes) {
      // The same blocks, of which some may have been freed or allocated.
      const std::uint64_t a = live(*old++);
      const std::uint64_t b = live(*fresh++);
      gone += a - std::min(a, b);
      came += b - std::min(a, b);
    } else if (fresh == after.extents.cend() || (has_both && old->begin <= fresh->begin)) {
      gone += live(*old++);
    } else {
      came += live(*fresh++);
    }
  }
  return std::max(gone, came);
}

Extents find_extents(const Look& look, const process::Module& module) {
  const process::Memory& memory = *look.view.memory();
  auto before = memory.run_time();
  Extents found = search(look, module);
  constexpr int tries = 3;
  for (int i = 0; i < tries && !found.too_much && !found.leaves.empty(); ++i) {
    const auto after = memory.run_time();
    if (before && before == after) {
      found.moved_bytes = 0;  // it stood still: this reading is of one moment
      break;
    }
    before = after;
    Extents next = read_again(look.view, found);
    next.moved_bytes = moved_bytes_between(found, next);
    const bool is_settled = !next.is_torn() && !next.overlap;
    found = std::move(next);
    if (is_settled) {
      break;
    }
  }
  return found;
}

}  // namespace heapwatch::memory::jemalloc
