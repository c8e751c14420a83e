// What is the runtime's own is found by pointers: unclaimed anonymous memory that the records of
// spans lie in, or that is pointed at from there or from Go's data, which is not that of C in the
// same program.
//
// The kernel makes one mapping of neighbours, whoever asked for them, so a mapping says nothing:
// memory is taken in units of 64 KiB, each because something of Go points into it; a small mapping
// is taken whole. Three kinds of tables are longer than what points at them, and are followed by
// their own rules: the records of the heap's arenas; those of the page allocator, which are
// reserved for the whole address space, without rights, and opened as they are needed, so that a
// pointer into what is reserved leads to the pages that were opened behind it; and tables of
// pointers, such as that of the places that allocate, which go on for as long as they point into
// what is Go's.
#include "memory/golang/records.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <string_view>

#include "memory/process/reading.h"

namespace heapwatch::memory::golang {

namespace {

using process::ProcessView;
using process::Range;

constexpr std::uint64_t records_read_max = std::uint64_t{256} << 20;

class Records {
 public:
  Records(const Look& look, const Heap& heap) : view_(look.view), words_(look.view) {
    for (const Range& range : look.so_far.unclaimed_heap_memory()) {
      pieces_.emplace(range.begin, range.end);
    }
    for (const process::Mapping& mapping : look.view.mappings()) {
      const bool is_reserved = mapping.is_anonymous() && !mapping.readable && !mapping.writable;
      if (is_reserved && pieces_.count(mapping.end) != 0) {
        reserved_.emplace(mapping.begin, mapping.end);
      }
    }
    if (pieces_.empty()) {
      return;
    }
    lowest_ = std::min(pieces_.begin()->first,
                       reserved_.empty() ? ~std::uint64_t{0} : reserved_.begin()->first);
    highest_ = pieces_.rbegin()->second;
    // What the heap claims is no record.
    for (const Span& span : heap.spans) {
      for (std::uint64_t at = span.begin & ~(arena_bytes - 1); at < span.end; at += arena_bytes) {
        heap_windows_.insert(at);
      }
    }
    reach(heap.span_list, heap.spans_listed * sizeof(std::uint64_t));
    for (const std::uint64_t record : heap.records) {
      reach(record);
    }
    for (const Range& range : heap.data) {
      scan(range, [this](std::uint64_t word) {
        reach(word);
        if (word % process::page_bytes == 0) {
          tables_.insert(word);
        }
      });
    }
    reach_arenas(arena_record_bytes(heap.version));
  }

  /// By address, apart from one another.
  [[nodiscard]] std::vector<Range> take() {
    do {
      while (!to_scan_.empty()) {
        const Range range = to_scan_.back();
        to_scan_.pop_back();
        scan(range, [this](std::uint64_t word) { reach(word); });
      }
      lengthen_tables();
    } while (!to_scan_.empty());
    std::vector<Range> taken;
    for (const auto& [begin, end] : units_) {
      if (!taken.empty() && taken.back().end == begin) {
        taken.back().end = end;
      } else {
        taken.push_back({begin, end});
      }
    }
    return taken;
  }

 private:
  static constexpr std::uint64_t unit_bytes = std::uint64_t{64} << 10;
  static constexpr std::uint64_t whole_bytes_max = std::uint64_t{1} << 20;  // of a mapping
  static constexpr std::uint64_t table_bytes_max = std::uint64_t{3} << 19;  // of pointers

  /// What the runtime keeps of each arena; until 1.21 with a bitmap of its words.
  /// Source: golang/go:src/runtime/mheap.go (heapArena).
  static std::uint64_t arena_record_bytes(const std::string& version) {
    constexpr std::string_view prefix = "go1.";
    int minor = 0;
    if (version.starts_with(prefix)) {
      (void)std::from_chars(version.data() + prefix.size(), version.data() + version.size(), minor);
    }
    constexpr int with_half_the_bitmap = 20;
    constexpr int without_bitmap = 22;
    constexpr std::uint64_t kib = 1024;
    return (minor >= without_bitmap ? 80 : minor >= with_half_the_bitmap ? 1120 : 2128) * kib;
  }

  /// The one table of arenas is among those that Go's data points at. It has a word for each 64 MiB
  /// of the address space, and a page of it is used.
  void reach_arenas(std::uint64_t record_bytes) {
    constexpr std::uint64_t lowest_address = 0xffff'8000'0000'0000;
    for (const std::uint64_t table : tables_) {
      for (const std::uint64_t window : heap_windows_) {
        const std::uint64_t slot = table + (window - lowest_address) / arena_bytes * 8;
        if (piece_of(slot) != piece_of(table)) {
          continue;
        }
        const std::uint64_t record = words_.u64(slot).value_or(0);
        if (record % process::page_bytes == 0 && piece_of(record) != pieces_.end()) {
          reach(slot);
          reach(record, record_bytes);
        }
      }
    }
  }

  using Pieces = std::map<std::uint64_t, std::uint64_t>;  // begin and end
  [[nodiscard]] Pieces::const_iterator piece_of(std::uint64_t address) const {
    const auto behind = pieces_.upper_bound(address);
    if (behind == pieces_.begin() || address >= std::prev(behind)->second) {
      return pieces_.end();
    }
    return std::prev(behind);
  }

  void reach(std::uint64_t address, std::uint64_t bytes = 1) {
    if (const auto behind = reserved_.upper_bound(address); behind != reserved_.begin()) {
      const std::uint64_t end = std::prev(behind)->second;
      if (address < end) {
        address = end;
        bytes = pieces_.at(end) - end;
      }
    }
    for (std::uint64_t end = address + bytes; address < end;
         address = (address / unit_bytes + 1) * unit_bytes) {
      take_unit(address);
    }
  }

  /// Whether it is new.
  bool take_unit(std::uint64_t address) {
    const auto piece = piece_of(address);
    if (piece == pieces_.end() || heap_windows_.count(address & ~(arena_bytes - 1)) != 0) {
      return false;
    }
    Range range{piece->first, piece->second};
    if (range.end - range.begin > whole_bytes_max) {
      const std::uint64_t unit = address & ~(unit_bytes - 1);
      range = {std::max(unit, range.begin), std::min(unit + unit_bytes, range.end)};
    }
    const bool is_new = units_.emplace(range.begin, range.end).second;
    if (is_new) {
      to_scan_.push_back(range);
    }
    return is_new;
  }

  [[nodiscard]] bool is_taken(std::uint64_t address) const {
    const auto behind = units_.upper_bound(address);
    return behind != units_.begin() && address < std::prev(behind)->second;
  }

  /// Takes units behind the beginning of a table while they point into what is taken.
  void lengthen_tables() {
    for (const std::uint64_t table : tables_) {
      const auto piece = piece_of(table);
      std::uint64_t at = (table / unit_bytes + 1) * unit_bytes;
      for (; piece != pieces_.end() && at < std::min(table + table_bytes_max, piece->second);
           at += unit_bytes) {
        bool points = is_taken(at);
        if (!points) {
          scan({at, std::min(at + unit_bytes, piece->second)},
               [&](std::uint64_t word) { points = points || is_taken(word); });
        }
        if (points) {
          take_unit(at);
        }
      }
    }
  }

  /// Hands on what may be an address in a piece, a page at a time; what is not resident is zero, or
  /// in a file that the linker wrote.
  template <typename Visit>
  void scan(const Range& range, const Visit& visit) {
    process::Window window(view_);
    std::uint64_t begin = (range.begin + 7) & ~std::uint64_t{7};
    while (begin + 8 <= range.end && scanned_ < records_read_max) {
      const std::uint64_t page_end = (begin + process::page_bytes) & ~(process::page_bytes - 1);
      const std::uint64_t stop = std::min(page_end, range.end & ~std::uint64_t{7});
      if (view_.residency().is_resident(begin)) {
        scanned_ += stop - begin;
        scan_words(window.at(begin, stop - begin), visit);
      }
      begin = stop;
    }
  }

  template <typename Visit>
  void scan_words(std::span<const std::byte> bytes, const Visit& visit) const {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at, sizeof word);
      if (word >= lowest_ && word < highest_) {
        visit(word);
      }
    }
  }

  const ProcessView& view_;
  process::Words words_;
  Pieces pieces_;
  Pieces reserved_;  // without rights, before a piece
  std::uint64_t lowest_ = 0;
  std::uint64_t highest_ = 0;
  std::set<std::uint64_t> heap_windows_;
  std::set<std::uint64_t> tables_;  // pages that Go's data points at the beginning of
  Pieces units_;                    // that are taken
  std::vector<Range> to_scan_;
  std::uint64_t scanned_ = 0;
};

}  // namespace

std::vector<Range> records_of(const Look& look, const Heap& heap) {
  return Records(look, heap).take();
}

}  // namespace heapwatch::memory::golang
