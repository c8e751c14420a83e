#include "memory/golang/golang.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <span>

#include "memory/process/reading.h"

namespace heapwatch::memory::golang {

namespace {

using process::ProcessView;
using process::Range;

/// Go takes its heap from the system in arenas of this size and alignment.
constexpr std::uint64_t arena_bytes = std::uint64_t{64} << 20;
constexpr std::uint64_t metadata_read_max = std::uint64_t{256} << 20;

std::string count_of(std::uint64_t count, const char* what) {
  return std::to_string(count) + " " + what;
}

Claim claim_of(std::uint64_t begin, std::uint64_t end, State state, const char* detail,
               Source source = Source::walk) {
  return {.begin = begin,
          .end = end,
          .space = Space::go,
          .owner = "go",
          .state = state,
          .source = source,
          .detail = detail};
}

/// Claims spans, neighbours of one kind together, and moves what is live of them.
void take_spans(const ProcessView& view, const Heap& heap, Found& found) {
  process::AscendingResidency residency(view.residency());
  std::uint64_t live = 0;
  for (std::size_t i = 0; i < heap.spans.size();) {
    const Span& first = heap.spans[i];
    std::uint64_t end = first.begin;
    for (; i < heap.spans.size(); ++i) {
      const Span& span = heap.spans[i];
      if (span.begin != end || span.is_heap != first.is_heap) {
        break;
      }
      end = span.end;
      if (span.is_heap) {
        live += std::min(span.objects * span.object_bytes, residency.bytes(span.begin, span.end));
      }
    }
    found.claims.push_back(first.is_heap
                               ? claim_of(first.begin, end, State::held, "free in spans")
                               : claim_of(first.begin, end, State::live, "goroutine stacks"));
  }
  found.splits.push_back({.space = Space::go,
                          .owner = "go",
                          .from = State::held,
                          .from_detail = "free in spans",
                          .to = State::live,
                          .detail = "heap",
                          .bytes = live,
                          .blocks = heap.heap_objects,
                          .source = Source::walk,
                          .note = "with garbage that was not swept yet"});
}

/// The rest of each arena that holds spans, in anonymous memory.
void take_arenas(const ProcessView& view, const Heap& heap, Found& found) {
  std::set<std::uint64_t> arenas;
  for (const Span& span : heap.spans) {
    for (std::uint64_t at = span.begin & ~(arena_bytes - 1); at < span.end; at += arena_bytes) {
      arenas.insert(at);
    }
  }
  for (const process::Mapping& mapping : view.mappings()) {
    if (!mapping.is_anonymous()) {
      continue;
    }
    const auto first = arenas.lower_bound(mapping.begin & ~(arena_bytes - 1));
    for (auto arena = first; arena != arenas.end() && *arena < mapping.end; ++arena) {
      found.claims.push_back(claim_of(std::max(mapping.begin, *arena),
                                      std::min(mapping.end, *arena + arena_bytes), State::held,
                                      "idle, kept for new spans", Source::inferred));
    }
  }
}

/// Unclaimed anonymous memory that the heap's own records lie in, or that is pointed at from there
/// or from Go's data, which is not that of C in the same program. The tables of the page allocator
/// are reserved for the whole address space, without rights, and pages of them are opened as they
/// are needed: a pointer into what is reserved leads to the pages that were opened behind it.
class Metadata {
 public:
  Metadata(const Look& look, const Heap& heap) : view_(look.view) {
    for (const Range& range : look.so_far.unclaimed_heap_memory()) {
      pieces_.emplace(range.begin, range.end);
    }
    for (const process::Mapping& mapping : look.view.mappings()) {
      const bool is_reserved = mapping.is_anonymous() && !mapping.readable && !mapping.writable;
      if (is_reserved && pieces_.count(mapping.end) != 0) {
        reserved_.emplace(mapping.begin, mapping.end);
      }
    }
    // What the heap claims is no metadata.
    for (const Span& span : heap.spans) {
      heap_windows_.insert(span.begin & ~(arena_bytes - 1));
    }
    reach(heap.span_list);
    for (const std::uint64_t record : heap.records) {
      reach(record);
    }
    for (const Range& range : heap.data) {
      scan(range.begin, range.end);
    }
  }

  [[nodiscard]] std::vector<Range> take() {
    while (!to_scan_.empty()) {
      const Range range = to_scan_.back();
      to_scan_.pop_back();
      scan(range.begin, range.end);
    }
    return std::move(reached_);
  }

 private:
  void reach(std::uint64_t address) {
    if (const auto behind = reserved_.upper_bound(address); behind != reserved_.begin()) {
      const std::uint64_t end = std::prev(behind)->second;
      address = address < end ? end : address;
    }
    auto piece = pieces_.upper_bound(address);
    if (piece == pieces_.begin() || heap_windows_.count(address & ~(arena_bytes - 1)) != 0) {
      return;
    }
    --piece;
    if (address < piece->second) {
      const Range range{piece->first, piece->second};
      pieces_.erase(piece);
      reached_.push_back(range);
      to_scan_.push_back(range);
    }
  }

  /// A page at a time; what is not resident is zero, or in a file that the linker wrote.
  void scan(std::uint64_t begin, std::uint64_t end) {
    process::Window window(view_);
    begin = (begin + 7) & ~std::uint64_t{7};
    while (begin + 8 <= end && scanned_ < metadata_read_max) {
      const std::uint64_t page_end = (begin + process::page_bytes) & ~(process::page_bytes - 1);
      const std::uint64_t stop = std::min(page_end, end & ~std::uint64_t{7});
      if (view_.residency().is_resident(begin)) {
        scanned_ += stop - begin;
        scan_words(window.at(begin, stop - begin));
      }
      begin = stop;
    }
  }

  void scan_words(std::span<const std::byte> bytes) {
    if (pieces_.empty()) {
      return;
    }
    std::uint64_t lowest = pieces_.begin()->first;
    if (!reserved_.empty()) {
      lowest = std::min(lowest, reserved_.begin()->first);
    }
    const std::uint64_t highest = pieces_.rbegin()->second;
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at, sizeof word);
      if (word >= lowest && word < highest) {
        reach(word);
      }
    }
  }

  const ProcessView& view_;
  std::map<std::uint64_t, std::uint64_t> pieces_;
  std::map<std::uint64_t, std::uint64_t> reserved_;  // without rights, before a piece
  std::set<std::uint64_t> heap_windows_;
  std::vector<Range> reached_;
  std::vector<Range> to_scan_;
  std::uint64_t scanned_ = 0;
};

/// What is left in a program with a race detector: it keeps shadow cells beside all memory that the
/// program uses, at fixed addresses, and has an allocator of its own.
void take_race_detector(const Look& look, Found& found) {
  for (const Range& range : look.so_far.unclaimed_heap_memory()) {
    found.claims.push_back({.begin = range.begin,
                            .end = range.end,
                            .space = Space::go,
                            .owner = "go's race detector",
                            .state = State::mapped,
                            .source = Source::inferred,
                            .detail = "its shadow of the program's memory, and its records"});
  }
}

AllocatorReport report_of(const Heap& heap) {
  AllocatorReport report{.name = "go",
                         .version = heap.version,
                         .in_use_bytes = heap.heap_live,
                         .free_bytes = heap.heap_in_use - heap.heap_live,
                         .blocks = heap.heap_objects,
                         .walked = true};
  BlocksBySize by_size;
  for (const Span& span : heap.spans) {
    if (span.objects > 0) {
      by_size[span.object_bytes] += span.objects;
    }
  }
  report.sizes = most_bytes_first(by_size);
  report.goroutines = heap.goroutines;
  report.collections = heap.collections;
  return report;
}

}  // namespace

Found find(const Look& look) {
  Found found;
  auto heap = read_heap(look.view);
  if (!heap) {
    return found;
  }
  if (!*heap) {
    found.checks.push_back({"go", false, heap->error().message});
    return found;
  }
  take_spans(look.view, **heap, found);
  take_arenas(look.view, **heap, found);
  Metadata metadata(look, **heap);
  for (const Range& range : metadata.take()) {
    found.claims.push_back(claim_of(range.begin, range.end, State::overhead,
                                    "the runtime's own records", Source::inferred));
  }
  if ((*heap)->has_race_detector) {
    take_race_detector(look, found);
  }
  found.allocators.push_back(report_of(**heap));
  found.checks.push_back(
      {"go", true,
       (*heap)->version + ": " + count_of((*heap)->spans.size(), "spans in use") +
           ", none overlap; " +
           ((*heap)->goroutines
                ? count_of(*(*heap)->goroutines, "goroutines with the runtime's own")
                : "goroutines not counted: their list was not found")});
  return found;
}

}  // namespace heapwatch::memory::golang
