// How old the blocks are that a site holds, and how many of those it held earlier it holds still.
//
// A leak keeps what it has: blocks of all ages live, and of those that were alive at some moment
// all still do. A cache that is full, or sessions, give up the old for the new: few ages live, and
// few survive. A cache that still fills looks like a leak.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "memory/native/native_heap.h"

namespace heapwatch::memory::native {

/// The classes of ages, each by the least age in it. In a profile the label `age` has that in
/// seconds, so that a range of it takes whole classes.
inline constexpr std::array<std::chrono::seconds, 8> age_classes{
    std::chrono::seconds(0),     std::chrono::seconds(1),    std::chrono::seconds(10),
    std::chrono::seconds(60),    std::chrono::seconds(600),  std::chrono::seconds(3600),
    std::chrono::seconds(21600), std::chrono::seconds(86400)};

/// The blocks of a record that are in use, by class. In sum they are what `births` tells, but not
/// more than `inuse`.
using BlocksByAge = std::array<std::int64_t, age_classes.size()>;
[[nodiscard]] BlocksByAge blocks_by_age(const NativeHeap::Record& record,
                                        std::chrono::milliseconds now);

/// The blocks of a record that were made up to a moment and live.
[[nodiscard]] std::int64_t blocks_older(const NativeHeap::Record& record,
                                        std::chrono::milliseconds made_by);

/// What a site did between two moments. Bytes are estimates, each sample with its weight.
struct SiteLife {
  std::vector<std::uintptr_t> stack;
  memtrack_space space = memtrack_space_native;
  double bytes = 0;        // in use at the later moment
  double bytes_then = 0;   // in use at the earlier moment
  double bytes_still = 0;  // of bytes_then: in use at the later moment, too
  /// Of equal parts of the time between: in how many blocks were made that live.
  std::size_t ages_alive = 0;

  /// The share of what was alive then that lives still; 0 where nothing was alive.
  [[nodiscard]] double survival() const { return bytes_then > 0 ? bytes_still / bytes_then : 0; }
};

/// Of two looks at one process, a record for each stack and space that held something at one of
/// them, the greatest first. `parts`: of the time between.
[[nodiscard]] std::vector<SiteLife> site_lives(const NativeHeap& earlier, const NativeHeap& later,
                                               std::size_t parts = 12);
/// The same of one look, since its `mark`; empty where it has none.
[[nodiscard]] std::vector<SiteLife> site_lives(const NativeHeap& heap, std::size_t parts = 12);

}  // namespace heapwatch::memory::native
