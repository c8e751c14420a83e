// Go's heap, stacks and runtime memory, from outside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "memory/picture.h"

namespace heapwatch::memory::golang {

/// Go takes its heap from the system in arenas of this size and alignment.
inline constexpr std::uint64_t arena_bytes = std::uint64_t{64} << 20;

/// A span: a run of 8 KiB pages that hold objects of one size, or stacks.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t object_bytes = 0;  // of heap spans
  std::uint64_t objects = 0;       // allocated, dead ones since the last sweep too
  bool is_heap = false;            // else stacks
};

/// The spans in use and what they add up to. Units: bytes, resident or not.
struct Heap {
  std::string version;             // "go1.19.8"
  bool has_race_detector = false;  // built with -race
  std::vector<Span> spans;         // by address, apart from one another
  std::uint64_t spans_listed = 0;
  std::uint64_t heap_in_use = 0;  // MemStats.HeapInuse
  std::uint64_t heap_live = 0;    // near MemStats.HeapAlloc
  std::uint64_t heap_objects = 0;
  std::uint64_t stacks_in_use = 0;  // MemStats.StackInuse without what C's threads have
  /// With the runtime's own, which runtime.NumGoroutine leaves out. Absent: not found.
  std::optional<std::uint64_t> goroutines;
  /// MemStats.NumGC, near the end of a collection one less. Absent: not found.
  std::optional<std::uint64_t> collections;
  std::vector<process::Range> data;    // of Go's own, in the program or library
  std::uint64_t span_list = 0;         // the address of the list of spans
  std::vector<std::uint64_t> records;  // the addresses of the spans' own records
};

/// The Go program or library in a process. Nothing when there is none; an error when there is one
/// whose heap is not understood (the message says what does not fit).
[[nodiscard]] std::optional<base::Result<Heap>> read_heap(const process::ProcessView& view);

[[nodiscard]] Found find(const Look& look);

}  // namespace heapwatch::memory::golang
