// The live set: which addresses are the beginnings of blocks that are counted, and how big each
// is.
//
// free() is handed a pointer and has to know two things at once: whether this block is counted,
// and with what size. A header before each block would say it, but a pointer that is not ours has
// no header, and reading before it may fault or find anything. A hash table would say it, too,
// but costs a lookup, and a lock or retries. Here the address itself is the index.
//
// Data. Address space is divided into granules of 32 bytes. Each granule has a word of 16 bits in
// its shadow. A Region is the shadow of 64 MiB: an array of words, and an array of Details for
// the few blocks for which a word is not enough. `regions` has a pointer for each 64 MiB of the
// address space; a region is mapped when the first block in it is recorded. The kernel gives
// memory only to pages that are written, so the cost is a word for every 32 bytes in use, and the
// details of those blocks that have some.
//
// Why a granule never has two live blocks. Every counted block has at least 24 bytes (Tracked
// asks for as many) and begins at a multiple of 16. Two blocks that begin in the same 32 bytes
// would begin 16 bytes apart, and the first is longer than that. So one bit of the word is enough
// for the half in which the block begins. A block that uses two words is larger than 15 KiB: the
// granule behind its first lies inside of it, and no other block can begin there while it lives.
//
// What a word says. Bit 15 tells two kinds apart:
//   0: a block begins in this granule, or did. Bit 14 is the half. The other bits are a code:
//      no block; a block from a time without accounting; a size up to 15 KiB; the high part of a
//      larger size; a block with its size and component in the three words behind; a block that
//      the sampler knows; a block with details.
//   1: this is a further word of a block, and has 14 bits of its size (or component). Bit 14 keeps
//      whether a block had begun here before.
// The word of a block that was freed becomes `gone`, not `never`: so a second free of a block is
// told from a free of memory that was never counted.
//
// Invariants.
//   - A region that is mapped stays mapped, and an entry of `regions` changes only once, from
//     null. So readers need no lock, and a pointer to a word stays valid.
//   - Whoever changes the word of a live block to `gone` owns the block from then on. take()
//     does so by a compare-and-swap: of two threads that free one block, one succeeds. The second
//     word and the details belong to the owner, and need no order of their own.
//   - write() stores the code with release, after the second word and the details.
//   - An address that is not `fit` (not a multiple of 16, or outside the user's part of the
//     address space) has no word.
//
// Threads. Any, without locks; none from a signal handler. While the process has one thread,
// take() is spared the locked instruction (__libc_single_threaded).
#pragma once

#include <sys/single_threaded.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memtrack/region_table.h"

namespace heapwatch::memtrack::shadow {

using Word = std::atomic<std::uint16_t>;

// Bit 15: a block goes on here, or did; bit 14, whether another had begun here before; and below, a
// part of its size. Else bit 14: the block begins in the second half; and below, a code: 0 no
// block, 1 a block from a time without accounting, then the sizes to 15 KiB; those for the high
// parts of sizes whose low part follows; one for blocks whose size and component follow; one for
// blocks that the sampler knows; and one for those with details.
constexpr std::uint16_t never = 0;  // no block of ours ever began here
constexpr std::uint16_t older = 1;
constexpr std::uint16_t code_mask = 0x3fff;
constexpr std::uint16_t half_bit = 0x4000;
constexpr std::uint16_t gone = half_bit;  // a block of ours began here once, no longer
constexpr std::uint16_t part_bit = 0x8000;
constexpr unsigned part_bits = 14;

constexpr std::uint16_t one_word = 2;
constexpr std::size_t one_word_max = 15360;
constexpr std::uint16_t two_words = one_word + one_word_max + 1;
constexpr std::uint16_t spread = code_mask - 2;
constexpr std::uint16_t sampled = code_mask - 1;
constexpr std::uint16_t detailed = code_mask;
constexpr std::size_t plain_size_max =
    one_word_max + (std::size_t{spread - two_words} << part_bits);

/// What the word of a block has in `half_bit`.
[[gnu::always_inline]] inline unsigned half_of(const void* block) {
  return static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(block) << 10) & half_bit;
}

// These take a word with half_of() taken off by `^`: a block in the other half is not live.
constexpr bool is_live(unsigned word) {
  return word - one_word <= unsigned{detailed} - one_word;
}
/// Live, and nothing but a size: what the fast path deals with.
constexpr bool is_plain(unsigned word) {
  return word - one_word < unsigned{spread} - one_word;
}

/// A live block begins in one of the halves.
constexpr bool is_taken(unsigned word) {
  // A part is negative.
  return static_cast<std::int16_t>(word & ~unsigned{half_bit}) >= one_word;
}

/// A block begins in one of the halves, or did once.
constexpr bool has_begun(unsigned word) {
  return (word & part_bit) != 0 ? (word & half_bit) != 0 : word != never;
}

/// Whether a block that is not on the books may be one that was, as far as its word can tell. One
/// in the other half leaves no room for it.
constexpr bool may_be_former(unsigned word, unsigned half) {
  const bool in_use = (word & part_bit) == 0 && (word & code_mask) != 0;
  return in_use ? (word & half_bit) == half : has_begun(word);
}

/// The size of a plain block.
[[gnu::always_inline]] inline std::size_t plain_size(const Word* at, unsigned word) {
  if (word < two_words) [[likely]] {
    return word - one_word;
  }
  const std::size_t part = at[1].load(std::memory_order_relaxed) & code_mask;
  return (std::size_t{word - two_words} << part_bits | part) + one_word_max + 1;
}

[[gnu::always_inline]] inline void write(Word* at, const void* block, std::size_t code) {
  at->store(static_cast<std::uint16_t>(code | half_of(block)), std::memory_order_release);
}

/// A further word of a block: the low bits of the value.
[[gnu::always_inline]] inline void write_part(Word& at, std::size_t value) {
  const unsigned begun = has_begun(at.load(std::memory_order_relaxed)) ? half_bit : 0U;
  at.store(static_cast<std::uint16_t>(part_bit | begun | (value & code_mask)),
           std::memory_order_relaxed);
}

/// Writes a block up to `plain_size_max`.
[[gnu::always_inline]] inline void write_plain(Word* at, const void* block, std::size_t size) {
  std::size_t code = size + one_word;
  if (size > one_word_max) [[unlikely]] {
    const std::size_t above = size - one_word_max - 1;
    write_part(at[1], above);
    code = (above >> part_bits) + two_words;
  }
  write(at, block, code);
}

/// A block whose size and component stand in its three words behind the first. They lie inside of
/// it: no other block begins there.
struct Spread {
  std::size_t size;
  std::uint32_t component;
};
constexpr std::size_t spread_words = 4;
constexpr std::size_t spread_size_min = spread_words * 32;
constexpr unsigned spread_size_bits = 32;
constexpr unsigned spread_component_bits = 3 * part_bits - spread_size_bits;

constexpr bool can_spread(std::size_t size) {
  return size >= spread_size_min && size >> spread_size_bits == 0;
}

inline void write_spread(Word* at, const void* block, Spread value) {
  const std::size_t bits = value.size | std::size_t{value.component} << spread_size_bits;
  for (unsigned i = 1; i < spread_words; ++i) {
    write_part(at[i], bits >> ((i - 1) * part_bits));
  }
  write(at, block, spread);
}

[[nodiscard]] inline Spread read_spread(const Word* at) {
  std::size_t bits = 0;
  for (unsigned i = 1; i < spread_words; ++i) {
    bits |= std::size_t{at[i].load(std::memory_order_relaxed) & unsigned{code_mask}}
            << ((i - 1) * part_bits);
  }
  constexpr std::size_t size_mask = (std::size_t{1} << spread_size_bits) - 1;
  return {bits & size_mask, static_cast<std::uint32_t>(bits >> spread_size_bits)};
}

#if defined(__x86_64__)
constexpr unsigned address_bits = 47;
#else
constexpr unsigned address_bits = 48;
#endif
constexpr unsigned alignment_bits = 4;
constexpr unsigned granule_bits = 5;
constexpr unsigned region_bits = 26;
constexpr std::size_t region_count = std::size_t{1} << (address_bits - region_bits);

// Atomic, although a block's own alone: what hands a block from thread to thread is its allocator.
struct Detail {
  std::atomic<std::size_t> size;
  std::atomic<std::uint32_t> owner;  // as run.h says
  std::atomic<bool> sampled;
};

struct Region {
  static constexpr std::size_t granules = std::size_t{1} << (region_bits - granule_bits);
  // A block at the very end has a word behind it, too.
  static constexpr std::size_t words_behind = 32;
  Word words[granules + words_behind];
  Detail details[granules];
};

// Plain pointers, read and written with the atomic builtins: zeroed by the loader, never by a
// constructor.
[[gnu::visibility("hidden")]] extern Region* regions[region_count];
[[gnu::visibility("hidden")]] extern PartsInUse<region_count> regions_in_use;

[[gnu::always_inline]] inline bool is_fit(const void* block) {
  constexpr std::uintptr_t unfit =
      ~((std::uintptr_t{1} << address_bits) - 1) | ((std::uintptr_t{1} << alignment_bits) - 1);
  return (reinterpret_cast<std::uintptr_t>(block) & unfit) == 0;
}
/// Of a fit address; null when the region has no shadow.
[[gnu::always_inline]] inline Region* region_of(const void* block) {
  return __atomic_load_n(&regions[reinterpret_cast<std::uintptr_t>(block) >> region_bits],
                         __ATOMIC_ACQUIRE);
}
[[gnu::always_inline]] inline std::size_t granule_of(const void* block) {
  constexpr std::uintptr_t region_mask = (std::uintptr_t{1} << region_bits) - 1;
  return (reinterpret_cast<std::uintptr_t>(block) & region_mask) >> granule_bits;
}

/// The word of a block at this address; null when the region has no shadow or the address cannot
/// have one.
[[gnu::always_inline]] inline Word* find(const void* block) {
  if (!is_fit(block)) {
    return nullptr;
  }
  Region* const region = region_of(block);
  return region == nullptr ? nullptr : region->words + granule_of(block);
}

/// Of a block that has a word. Whoever took it off, or is about to write it, has it alone.
inline Detail& detail_of(const void* block) {
  return region_of(block)->details[granule_of(block)];
}

/// Takes off the block of which `at` says `word`; false when another thread was faster. A process
/// of one thread is spared the locked instruction, as it is by its allocator.
[[gnu::always_inline]] inline bool take(Word& at, std::uint16_t word) {
  if (__libc_single_threaded != 0) {
    at.store(gone, std::memory_order_relaxed);
    return true;
  }
  return at.compare_exchange_strong(word, gone, std::memory_order_acq_rel);
}

/// As find(), but maps the region when it has no shadow yet; null when the address is unfit or the
/// kernel refuses.
[[nodiscard]] Word* find_or_map(const void* block) noexcept;

/// The nearest live block that begins below the address, in the same region and not further away
/// than this; 0 when there is none.
[[nodiscard]] std::uintptr_t live_block_below(std::uintptr_t address,
                                              std::size_t distance_max) noexcept;

}  // namespace heapwatch::memtrack::shadow
