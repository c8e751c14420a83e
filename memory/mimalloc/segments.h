// The segments and pages of mimalloc 2, found by their shape.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "memory/process/view.h"

namespace heapwatch::memory::mimalloc {

/// Blocks of one size. Units: bytes.
struct Page {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t block_bytes = 0;
  std::uint64_t live = 0;  // blocks
  std::uint64_t free = 0;  // blocks that were given out before
  /// Whether its count and its lists of free blocks agree.
  bool adds_up = false;

  [[nodiscard]] std::uint64_t live_bytes() const { return live * block_bytes; }
};

struct Segment {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t records_end = 0;  // what stands before the first page
  std::vector<Page> pages;        // in use; the rest is free
};

inline constexpr std::uint64_t segment_bytes = std::uint64_t{32} << 20;

/// Those that begin in `memory`, by address, apart from one another.
[[nodiscard]] std::vector<Segment> find_segments(const process::ProcessView& view,
                                                 std::span<const process::Range> memory);

}  // namespace heapwatch::memory::mimalloc
