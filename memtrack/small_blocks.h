// The live set of small blocks that an allocator of the program, such as CPython's, cuts out of
// pages of its own.
//
// These blocks never reach malloc or free, so they do not stand in the shadow of shadow.h, and may
// be as small as its alignment. They have a shadow of their own: a word of 16 bits for each 16
// bytes of a region of 64 MiB, mapped when the first block in it is recorded.
//
// A word is 0 where no block begins. Else it has the size and one, the kind (which of the
// allocator's domains it came from, and so which component it counts for), and whether the block is
// in the heap profile.
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

struct Region {
  Word words[std::size_t{1} << (shadow::region_bits - shadow::alignment_bits)];
};
[[gnu::visibility("hidden")]] extern Region* regions[shadow::region_count];

/// When the calling thread's next sample of a kind is due, in bytes that its block has counted for
/// the component.
struct ThreadState {
  std::uint64_t sample_at[kinds_max];
  std::uint64_t interval[kinds_max];  // that it was drawn for; 0: it was not drawn
  Draws draws;
};
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
extern constinit thread_local ThreadState small_state [[gnu::tls_model("initial-exec")]];

/// Null when no block near the address was ever recorded.
[[gnu::always_inline]] inline Word* find(const void* block) {
  if (!shadow::is_fit(block)) {
    return nullptr;
  }
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  Region* const region =
      __atomic_load_n(&regions[address >> shadow::region_bits], __ATOMIC_ACQUIRE);
  constexpr std::uintptr_t region_mask = (std::uintptr_t{1} << shadow::region_bits) - 1;
  return region == nullptr ? nullptr
                           : region->words + ((address & region_mask) >> shadow::alignment_bits);
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

void record_slowly(const void* block, std::size_t size, unsigned kind, const void* caller) noexcept;
void forget_slowly(const void* block, unsigned word) noexcept;

/// Puts a new block of up to `size_max` bytes on the books.
[[gnu::always_inline]] inline void record(const void* block, std::size_t size, unsigned kind,
                                          const void* caller) {
  if (ThreadBlock* const mine = thread_state.block; mine != nullptr) [[likely]] {
    Cell& cell = mine->cells[component_of_kind(kind)];
    const std::uint64_t bytes = cell.allocated_bytes.load(std::memory_order_relaxed) + size;
    Word* const at = find(block);
    if (at != nullptr && bytes < small_state.sample_at[kind]) [[likely]] {
      at->store(word_of(size, kind), std::memory_order_relaxed);
      cell.count_allocation_to(bytes);
      return;
    }
  }
  record_slowly(block, size, kind, caller);
}

/// Takes a block off the books before it is freed; false when it is not one of these.
[[gnu::always_inline]] inline bool forget(const void* block) {
  Word* const at = find(block);
  const unsigned word = at == nullptr ? 0 : at->load(std::memory_order_relaxed);
  if (word == 0) [[unlikely]] {
    return false;
  }
  at->store(0, std::memory_order_relaxed);
  ThreadBlock* const mine = thread_state.block;
  if (mine == nullptr || (word & sampled) != 0) [[unlikely]] {
    forget_slowly(block, word);
  } else {
    mine->cells[component_of_kind(kind_of(word))].count_free(size_of(word));
  }
  return true;
}

/// A block on its way through the allocator's realloc.
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

}  // namespace heapwatch::memtrack::small
