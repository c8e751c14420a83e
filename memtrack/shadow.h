// The live set: a word of shadow for every 16 bytes of address space says which blocks are ours and
// how big they are.
//
// A block owns the words of its first two granules, because no block is smaller than 24 bytes
// (Tracked asks for at least that). The first word holds the state and the size, the second the
// component; a giant block has its size in the third and fourth. What stands in these further words
// stays when the block is gone, so it is marked: another block may start there. Words are found
// through one table of pointers to shadow regions; a region is mapped when the first block in its
// 64 MiB is recorded and never unmapped, so readers need no lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace heapwatch::memtrack::shadow {

using Word = std::atomic<std::uint32_t>;

// Bit 31: the block is in the heap profile or belongs to a run. Bit 30: a further word of a block.
// Below: 0 no block, 1 a block from a time without accounting, else size + 2.
constexpr std::uint32_t never = 0;           // no block of ours ever started here
constexpr std::uint32_t older = 1;           // allocated while accounting was off
constexpr std::uint32_t gone = 0x80000000U;  // a block of ours started here once, no longer
constexpr std::uint32_t sampled_bit = 0x80000000U;
constexpr std::uint32_t further_bit = 0x40000000U;
constexpr unsigned value_bits = 30;  // of the state, and of what a further word holds
constexpr std::uint32_t value_mask = (1U << value_bits) - 1;
constexpr std::uint32_t giant = value_mask;
constexpr std::size_t plain_size_max = giant - 3;

constexpr bool is_live(std::uint32_t word) {
  return (word & ~sampled_bit) - 2 <= giant - 2;
}

/// Live, not sampled, not giant: what the fast path deals with.
constexpr bool is_plain(std::uint32_t word) {
  return word - 2 < giant - 2;
}

#if defined(__x86_64__)
constexpr unsigned address_bits = 47;
#else
constexpr unsigned address_bits = 48;
#endif
constexpr unsigned granule_bits = 4;
constexpr unsigned region_bits = 26;
constexpr std::size_t words_of_block_max = 4;

// Plain pointers, read and written with the atomic builtins: zeroed by the loader, never by a
// constructor.
extern Word* regions[std::size_t{1} << (address_bits - region_bits)];

/// The first word of a block at this address; null when the region has no shadow or the address
/// cannot have one.
[[gnu::always_inline]] inline Word* find(const void* block) {
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  constexpr std::uintptr_t unfit =
      ~((std::uintptr_t{1} << address_bits) - 1) | ((std::uintptr_t{1} << granule_bits) - 1);
  if ((address & unfit) != 0) {
    return nullptr;
  }
  Word* const region = __atomic_load_n(&regions[address >> region_bits], __ATOMIC_ACQUIRE);
  if (region == nullptr) {
    return nullptr;
  }
  constexpr std::uintptr_t region_mask = (std::uintptr_t{1} << region_bits) - 1;
  return region + ((address & region_mask) >> granule_bits);
}

/// As find(), but maps the region when it has no shadow yet; null when the address is unfit or the
/// kernel refuses.
[[nodiscard]] Word* find_or_map(const void* block) noexcept;

/// The nearest live block that begins below the address, in the same region and not further away
/// than this; 0 when there is none.
[[nodiscard]] std::uintptr_t live_block_below(std::uintptr_t address,
                                              std::size_t distance_max) noexcept;

}  // namespace heapwatch::memtrack::shadow
