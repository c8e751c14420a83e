// How a segment is recognised without symbols.
//
// A segment begins on a border of 32 MiB and is cut into slices of 64 KiB. Its head holds how many
// slices there are and how many the head itself takes, then a record for each slice. The record of
// the first slice of a page (or of a free stretch) says how many slices it has, so from the first
// record on these numbers lead exactly to the segment's end. Where the records begin, and how large
// one is (80 bytes, 96 in a free-threaded CPython), differs; the data tells, by the two numbers
// that stand before the records and by the chain that must end where they say.
//
// A page's record has the size of its blocks, how many were ever cut, how many are in use, and
// three lists of free blocks: two of the owner's and one of other threads'. What is in use, and
// what the owner's lists hold, is what was cut. A page of which that is not so is not split.
// (Builds that encode their lists, for debugging or hardened, do not add up, and are not split
// either.)
//
// Source: python/cpython:Include/internal/mimalloc/mimalloc/types.h (mi_segment_t, mi_page_t),
// which is microsoft/mimalloc 2.1:include/mimalloc/types.h.
#include "memory/mimalloc/segments.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "memory/process/reading.h"

namespace heapwatch::memory::mimalloc {

namespace {

using process::ProcessView;
using process::Range;
using process::Words;

constexpr std::uint64_t slice_bytes = std::uint64_t{64} << 10;
constexpr std::uint64_t slices_of_segment = segment_bytes / slice_bytes;
constexpr std::uint64_t slices_max = std::uint64_t{1} << 24;  // of one huge block: a tebibyte
constexpr std::size_t head_bytes = std::size_t{96} << 10;
constexpr std::uint64_t head_slices_max = 8;
constexpr std::size_t records_first = 96;
constexpr std::size_t records_last = 1024;
constexpr std::size_t words_before = 6;  // among them the two numbers
constexpr std::array<std::size_t, 8> record_sizes{80, 96, 112, 72, 88, 104, 120, 128};
constexpr std::size_t segments_max = 262'144;

/// A block of this size or more has a page of its own, whose size says how large it is.
constexpr std::uint64_t huge_block = std::uint64_t{1} << 31;

/// The bytes of a segment's head, with numbers taken out of them; 0 beyond their end.
class Head {
 public:
  Head(const ProcessView& view, std::uint64_t begin) : bytes_(head_bytes) {
    bytes_.resize(view.read(begin, bytes_));
  }
  template <typename T>
  [[nodiscard]] T get(std::size_t at) const {
    T value{};
    if (at + sizeof value <= bytes_.size()) {
      std::memcpy(&value, bytes_.data() + at, sizeof value);
    }
    return value;
  }

 private:
  std::vector<std::byte> bytes_;
};

/// Where the records are, and how many slices they speak of.
struct Layout {
  std::size_t records = 0;
  std::size_t record_bytes = 0;
  std::uint64_t slices = 0;

  [[nodiscard]] std::size_t record(std::uint64_t slice) const {
    return records + record_bytes * static_cast<std::size_t>(slice);
  }
};

std::uint64_t slices_at(const Head& head, const Layout& layout, std::uint64_t slice) {
  const std::size_t at = layout.record(slice);
  return head.get<std::uint32_t>(at + 4) == 0 ? head.get<std::uint32_t>(at) : 0;
}

/// Whether the records lead from the first slice to the last.
bool is_chain(const Head& head, const Layout& layout) {
  std::uint64_t slice = 0;
  std::uint64_t steps = 0;
  while (slice < std::min(layout.slices, slices_of_segment)) {
    const std::uint64_t count = slices_at(head, layout, slice);
    if (count == 0) {
      return false;
    }
    slice += count;
    ++steps;
  }
  return slice == layout.slices && steps >= 2;
}

/// How many slices there are, of the words before the records: that number stands there, and how
/// many records there are, which is the same but for a huge block.
std::optional<std::uint64_t> slices_before(const Head& head, std::size_t records) {
  const std::uint32_t own = head.get<std::uint32_t>(records);
  std::uint64_t slices = 0;
  bool has_own = false;
  bool has_entries = false;
  for (std::size_t i = 1; i <= words_before; ++i) {
    const auto word = head.get<std::uint64_t>(records - i * 8);
    has_own = has_own || word == own;
    if (word >= slices_of_segment && word <= slices_max) {
      has_entries = has_entries || slices != 0;
      slices = std::max(slices, word);
    }
  }
  return has_own && has_entries ? std::optional(slices) : std::nullopt;
}

std::optional<Layout> layout_of(const Head& head) {
  for (std::size_t records = records_first; records <= records_last; records += 8) {
    const std::uint32_t own = head.get<std::uint32_t>(records);
    if (own == 0 || own > head_slices_max || head.get<std::uint32_t>(records + 4) != 0) {
      continue;
    }
    const auto slices = slices_before(head, records);
    if (!slices) {
      continue;
    }
    for (const std::size_t record_bytes : record_sizes) {
      const Layout layout{records, record_bytes, *slices};
      if (is_chain(head, layout)) {
        return layout;
      }
    }
  }
  return std::nullopt;
}

/// The length of a list of free blocks; nothing when it leaves the page or is longer than `most`.
std::optional<std::uint64_t> length_of(Words& words, std::uint64_t block, const Page& page,
                                       std::uint64_t most) {
  std::uint64_t length = 0;
  while (block != 0) {
    if (block < page.begin || block > page.end - 8 || block % 8 != 0 || length >= most) {
      return std::nullopt;
    }
    const auto next = words.u64(block);
    if (!next) {
      return std::nullopt;
    }
    ++length;
    block = *next;
  }
  return length;
}

/// The page whose record is at `at`; its range is known already.
void read_page(const Head& head, std::size_t at, Words& words, Page& page) {
  const std::uint64_t cut = head.get<std::uint16_t>(at + 10);
  const std::uint64_t room = head.get<std::uint16_t>(at + 12);
  const std::uint64_t used = head.get<std::uint32_t>(at + 24);
  const std::uint64_t bytes = page.end - page.begin;
  page.block_bytes = head.get<std::uint32_t>(at + 28);
  if (page.block_bytes >= huge_block) {
    page.block_bytes = bytes;
  }
  if (cut > room || room * page.block_bytes > bytes || used > cut) {
    return;
  }
  constexpr std::uint64_t flags = 3;
  const auto own = length_of(words, head.get<std::uint64_t>(at + 16), page, cut - used);
  const auto local = length_of(words, head.get<std::uint64_t>(at + 32), page, cut - used);
  const auto of_others = length_of(words, head.get<std::uint64_t>(at + 40) & ~flags, page, used);
  if (!own || !local || !of_others || used + *own + *local != cut) {
    return;
  }
  page.live = used - *of_others;
  page.free = cut - page.live;
  page.adds_up = true;
}

/// Whether all of it is memory without a file. What a segment has not used yet has no rights.
bool is_in_memory(const ProcessView& view, std::uint64_t begin, std::uint64_t end) {
  while (begin < end) {
    const process::Mapping* const mapping = view.mapping_at(begin);
    if (mapping == nullptr || !mapping->is_anonymous()) {
      return false;
    }
    begin = mapping->end;
  }
  return true;
}

std::optional<Segment> read_segment(const ProcessView& view, Words& words, std::uint64_t begin) {
  const Head head(view, begin);
  const auto layout = layout_of(head);
  if (!layout || !is_in_memory(view, begin, begin + layout->slices * slice_bytes)) {
    return std::nullopt;
  }
  Segment segment{
      .begin = begin, .end = begin + layout->slices * slice_bytes, .records_end = 0, .pages = {}};
  for (std::uint64_t slice = 0; slice < std::min(layout->slices, slices_of_segment);) {
    const std::uint64_t count = slices_at(head, *layout, slice);
    const std::size_t at = layout->record(slice);
    const std::uint64_t page_begin = begin + slice * slice_bytes;
    const bool is_in_use = head.get<std::uint32_t>(at + 28) != 0;
    if (slice == 0) {
      segment.records_end = begin + count * slice_bytes;
    } else if (is_in_use) {
      Page page{.begin = page_begin, .end = page_begin + count * slice_bytes};
      read_page(head, at, words, page);
      segment.pages.push_back(page);
    }
    slice += count;
  }
  return segment;
}

}  // namespace

std::vector<Segment> find_segments(const ProcessView& view, std::span<const Range> memory) {
  std::vector<Segment> segments;
  Words words(view, process::pages_to_read(view));
  for (const Range& range : memory) {
    std::uint64_t next = range.begin;
    for (const process::Run& run : view.residency().runs_in(range.begin, range.end)) {
      const std::uint64_t first = std::max({run.begin, range.begin, next});
      std::uint64_t at = (first + segment_bytes - 1) & ~(segment_bytes - 1);
      while (at < std::min(run.end, range.end) && segments.size() < segments_max) {
        auto segment = read_segment(view, words, at);
        next = segment ? segment->end : at + segment_bytes;
        if (segment) {
          segments.push_back(*std::move(segment));
        }
        at = next;
      }
    }
  }
  return segments;
}

}  // namespace heapwatch::memory::mimalloc
