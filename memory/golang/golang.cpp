#include "memory/golang/golang.h"

#include <algorithm>
#include <set>

#include "memory/golang/records.h"
#include "memory/process/residency.h"

namespace heapwatch::memory::golang {

namespace {

using process::ProcessView;
using process::Range;

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
  for (const Range& range : records_of(look, **heap)) {
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
