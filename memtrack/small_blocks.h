// The live set of small blocks that an allocator of the program, such as CPython's, cuts out of
// pages of its own.
//
// These blocks never reach malloc or free, so they do not stand in the shadow of shadow.h, and may
// be as small as its alignment. They have a shadow of their own: a word of 16 bits for each 16
// bytes of a region of 256 MiB, mapped when the first block in it is recorded.
//
// A word is 0 where no block begins. Else it has the size and one, the kind (which of the
// allocator's domains it came from, and so which component it counts for), and whether the block is
// in the heap profile.
//
// Cost. An interpreter allocates and frees a block every hundred instructions or so, so each
// instruction here is a hundredth of its time. A thread therefore has at hand, in `small_state`,
// the region it last met a block in, and its cells. One comparison says that the address lies in
// that region, that it is aligned, and that the thread has cells: without cells it has no region.
// At a free, one subtraction and one comparison say that a block begins there, that it is of the
// kind the caller expects, and that it is not in the profile; what is left is its size. All other
// cases are for the functions that end in _slowly.
//
// Threads: the allocator hands a block to one thread at a time, and so does the word that belongs
// to it. A block that is freed twice breaks the allocator, and here the figures.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memtrack/books.h"
#include "memtrack/poisson.h"
#include "memtrack/shadow.h"
#include "memtrack/thread_block.h"
#include "memtrack/tracker.h"

namespace heapwatch::memtrack::small {

using Word = std::atomic<std::uint16_t>;

constexpr unsigned size_bits = 10;
constexpr std::uint16_t size_mask = (1U << size_bits) - 1;
constexpr std::size_t size_max = size_mask - 1;
constexpr std::size_t kinds_max = 4;
constexpr unsigned kind_mask = kinds_max - 1;
constexpr std::uint16_t sampled = 0x8000;

constexpr unsigned region_bits = 28;
constexpr std::size_t region_words = std::size_t{1} << (region_bits - shadow::alignment_bits);
constexpr std::size_t region_count = std::size_t{1} << (shadow::address_bits - region_bits);

struct Region {
  Word words[region_words];
};
[[gnu::visibility("hidden")]] extern Region* regions[region_count];
[[gnu::visibility("hidden")]] extern PartsInUse<region_count> regions_in_use;

/// What a thread has at hand.
struct ThreadState {
  static constexpr std::uintptr_t nowhere = ~std::uintptr_t{0} << (shadow::address_bits + 1);

  std::uintptr_t region_start = nowhere;  // of the region the thread last met a block in
  Word* words = nullptr;                  // its shadow
  Cell* cells = nullptr;                  // that the kinds are counted in
  // Until the next sample of a kind; at a sample it is drawn anew.
  std::int64_t left[kinds_max] = {};
  std::uint64_t interval[kinds_max] = {};  // that it was drawn for; 0: it was not drawn
  Draws draws{};
};
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
extern constinit thread_local ThreadState small_state [[gnu::tls_model("initial-exec")]];

/// The calling thread has another block of counters from now on, or none.
void leave_cells() noexcept;

/// The number of the block's word in the region; region_words or more when it lies elsewhere, or
/// where no word is.
[[gnu::always_inline]] inline std::uintptr_t index_in(std::uintptr_t region_start,
                                                      const void* block) {
  const std::uintptr_t distance = reinterpret_cast<std::uintptr_t>(block) - region_start;
  // Rotated, so that an address that is not aligned is far away.
  return distance >> shadow::alignment_bits | distance << (64 - shadow::alignment_bits);
}

constexpr std::uint16_t word_of(std::size_t size, unsigned kind) {
  return static_cast<std::uint16_t>((size + 1) | kind << size_bits);
}
constexpr std::size_t size_of(unsigned word) {
  return (word & size_mask) - 1;
}
constexpr unsigned kind_of(unsigned word) {
  return word >> size_bits & kind_mask;
}
/// The kinds count for components that follow one another.
inline memtrack_component component_of_kind(unsigned kind) {
  return books.interpreter.first_component + kind;
}

void* record_slowly(void* block, std::size_t size, unsigned kind, const void* caller) noexcept;
/// The same, when the size was taken off what is left until the next sample.
void* sample_slowly(void* block, std::size_t size, unsigned kind, const void* caller) noexcept;
bool forget_slowly(const void* block) noexcept;

/// Puts a new block of up to `size_max` bytes on the books and returns it, so that the slow path is
/// a tail call. `CallerType`: Caller, or an address that is known already.
template <typename CallerType>
[[gnu::always_inline]] inline void* record(void* block, std::size_t size, unsigned kind,
                                           CallerType caller) {
  ThreadState& mine = small_state;
  const std::uintptr_t index = index_in(mine.region_start, block);
  if (index >= region_words) [[unlikely]] {
    return record_slowly(block, size, kind, caller);
  }
  mine.left[kind] -= static_cast<std::int64_t>(size);
  if (mine.left[kind] <= 0) [[unlikely]] {
    return sample_slowly(block, size, kind, caller);
  }
  mine.words[index].store(word_of(size, kind), std::memory_order_relaxed);
  mine.cells[kind].count_allocation(size);
  return block;
}

/// Where a block of the kind lies that is not in the profile.
struct Place {
  std::uintptr_t index;
  std::size_t size;  // more than size_max: there is none
};
[[gnu::always_inline]] inline Place place_of(const void* block, unsigned kind) {
  const ThreadState& mine = small_state;
  const std::uintptr_t index = index_in(mine.region_start, block);
  if (index >= region_words) [[unlikely]] {
    return {0, size_max + 1};
  }
  return {index, std::size_t{mine.words[index].load(std::memory_order_relaxed)} -
                     std::size_t{word_of(0, kind)}};
}

/// Takes a block of the kind off the books before it is freed; false when that is not the common
/// case, which forget_slowly() is for.
[[gnu::always_inline]] inline bool forget(const void* block, unsigned kind) {
  const Place place = place_of(block, kind);
  if (place.size > size_max) [[unlikely]] {
    return false;
  }
  small_state.words[place.index].store(0, std::memory_order_relaxed);
  small_state.cells[kind].count_free(place.size);
  return true;
}

/// Has the allocator make `size` bytes of a block at `place`, by `resize`, which returns where it
/// is then; null when it failed. The new block is the caller's to record.
template <typename Resize>
[[gnu::always_inline]] inline void* move(Place place, unsigned kind, const Resize& resize) {
  // Off the books at once: another thread may be given the old address as soon as it is free.
  Word& at = small_state.words[place.index];
  at.store(0, std::memory_order_relaxed);
  void* const moved = resize();
  if (moved == nullptr) [[unlikely]] {
    at.store(word_of(place.size, kind), std::memory_order_relaxed);
    return nullptr;
  }
  small_state.cells[kind].count_free(place.size);
  return moved;
}

/// A block on its way through realloc in whatever case.
struct Moving {
  const void* block;
  unsigned word;        // 0: not one of these
  live::Former sample;  // of a sampled block
};
[[nodiscard]] Moving begin_move(const void* block) noexcept;
/// The allocator failed: everything is as before.
void cancel_move(const Moving& moving) noexcept;
/// The block is gone, or is another now.
void finish_move(const Moving& moving) noexcept;

// ---- Samples alone
//
// Where no exact figures are wanted, nothing is written down of a block that is no sample. Blocks
// may be of any size then, and from malloc, too: a word says whether the block is in the profile,
// and nothing else. A process has its blocks on the books in one way or the other.

void* take_sample(void* block, std::size_t size, unsigned kind, const void* caller) noexcept;

/// Notes a new block, if it is a sample, and returns it.
template <typename CallerType>
[[gnu::always_inline]] inline void* note(void* block, std::size_t size, unsigned kind,
                                         CallerType caller) {
  ThreadState& mine = small_state;
  mine.left[kind] -= static_cast<std::int64_t>(size);
  if (mine.left[kind] <= 0) [[unlikely]] {
    return take_sample(block, size, kind, caller);
  }
  return block;
}

/// Whether the block may be a sample: seldom true for one that is none.
[[gnu::always_inline]] inline bool may_be_sample(const void* block) {
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  const Region* const region =
      __atomic_load_n(&regions[address >> region_bits & (region_count - 1)], __ATOMIC_RELAXED);
  return region != nullptr &&
         region->words[address >> shadow::alignment_bits & (region_words - 1)].load(
             std::memory_order_relaxed) != 0;
}

/// Before it is freed.
void forget_sample(const void* block) noexcept;
/// Before it moves: off the books until it is known what became of it.
[[nodiscard]] live::Former take_off_sample(const void* block) noexcept;
/// It did not move.
void restore_sample(const void* block, const live::Former& former) noexcept;

}  // namespace heapwatch::memtrack::small
