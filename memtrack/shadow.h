// The live set: a byte of shadow for every 32 bytes of address space says whether a block of ours
// begins there and how big it is. A second plane has the details of the few for which that is not
// enough.
//
// No block is smaller than 24 bytes (Tracked asks for at least that) and all begin at multiples of
// 16, so two never begin in the same 32 bytes, and the bytes behind a block's first are its own if
// it is big enough. Regions of both planes are found through one table; a region is mapped when the
// first block in its 64 MiB is recorded and never unmapped, so readers need no lock.
#pragma once

#include <sys/single_threaded.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace heapwatch::memtrack::shadow {

using Byte = std::atomic<std::uint8_t>;

// Bit 7: a block goes on here, or did, and the other bits are a part of its size. Else bit 6: the
// block begins in the second half; and below, a code: 0 no block, 1 a block from a time without
// accounting, then the sizes to 48; one for the sizes to 80, whose byte follows; those for the high
// parts of sizes of which two bytes follow; one for blocks that the sampler knows; and one for
// those with details.
constexpr std::uint8_t never = 0;  // no block of ours ever began here
constexpr std::uint8_t older = 1;
constexpr std::uint8_t code_mask = 0x3f;
constexpr std::uint8_t half_bit = 0x40;
constexpr std::uint8_t gone = half_bit;  // a block of ours began here once, no longer
constexpr std::uint8_t part_bit = 0x80;
constexpr unsigned part_bits = 7;

constexpr std::uint8_t one_byte = 2;
constexpr std::size_t one_byte_max = 48;
constexpr std::uint8_t two_bytes = one_byte + one_byte_max + 1;
constexpr std::size_t two_bytes_max = 80;
constexpr std::uint8_t three_bytes = two_bytes + 1;
constexpr std::uint8_t sampled = code_mask - 1;
constexpr std::uint8_t detailed = code_mask;
constexpr std::size_t plain_size_max =
    two_bytes_max + (std::size_t{sampled - three_bytes} << (2 * part_bits));

/// What the byte of a block has in `half_bit`.
[[gnu::always_inline]] inline unsigned half_of(const void* block) {
  return static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(block) << 2) & half_bit;
}

// These take a byte with half_of() taken off by `^`: a block in the other half is not live.
constexpr bool is_live(unsigned byte) {
  return byte - one_byte <= unsigned{detailed} - one_byte;
}
/// Live, and nothing but a size: what the fast path deals with.
constexpr bool is_plain(unsigned byte) {
  return byte - one_byte < unsigned{sampled} - one_byte;
}

/// A live block begins in one of the halves.
constexpr bool is_taken(unsigned byte) {
  return (byte & part_bit) == 0 && is_live(byte & code_mask);
}

/// The size of a plain block.
[[gnu::always_inline]] inline std::size_t plain_size(const Byte* at, unsigned byte) {
  if (byte < two_bytes) {
    return byte - one_byte;
  }
  const auto part = [at](std::size_t i) {
    return std::size_t{at[i].load(std::memory_order_relaxed)} & (part_bit - 1U);
  };
  if (byte < three_bytes) {
    return part(1) + one_byte_max + 1;
  }
  return ((std::size_t{byte - three_bytes} << part_bits | part(1)) << part_bits | part(2)) +
         two_bytes_max + 1;
}

[[gnu::always_inline]] inline void write(Byte* at, const void* block, std::size_t code) {
  at->store(static_cast<std::uint8_t>(code | half_of(block)), std::memory_order_release);
}

/// Writes a block up to `plain_size_max`.
[[gnu::always_inline]] inline void write_plain(Byte* at, const void* block, std::size_t size) {
  const auto put_part = [at](std::size_t i, std::size_t part) {
    at[i].store(static_cast<std::uint8_t>(part | part_bit), std::memory_order_relaxed);
  };
  std::size_t code = size + one_byte;
  if (size > two_bytes_max) {
    const std::size_t above = size - two_bytes_max - 1;
    put_part(2, above);
    put_part(1, above >> part_bits);
    code = (above >> (2 * part_bits)) + three_bytes;
  } else if (size > one_byte_max) {
    put_part(1, size - one_byte_max - 1);
    code = two_bytes;
  }
  write(at, block, code);
}

#if defined(__x86_64__)
constexpr unsigned address_bits = 47;
#else
constexpr unsigned address_bits = 48;
#endif
constexpr unsigned alignment_bits = 4;
constexpr unsigned granule_bits = 5;
constexpr unsigned region_bits = 26;

// Atomic, although a block's own alone: what hands a block from thread to thread is its allocator.
struct Detail {
  std::atomic<std::size_t> size;
  std::atomic<std::uint32_t> owner;  // as run.h says
  std::atomic<bool> sampled;
};

struct Region {
  static constexpr std::size_t granules = std::size_t{1} << (region_bits - granule_bits);
  // A block at the very end has bytes behind it, too.
  static constexpr std::size_t bytes_behind = 64;
  Byte bytes[granules + bytes_behind];
  Detail details[granules];
};

// Plain pointers, read and written with the atomic builtins: zeroed by the loader, never by a
// constructor.
extern Region* regions[std::size_t{1} << (address_bits - region_bits)];

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

/// The byte of a block at this address; null when the region has no shadow or the address cannot
/// have one.
[[gnu::always_inline]] inline Byte* find(const void* block) {
  if (!is_fit(block)) {
    return nullptr;
  }
  Region* const region = region_of(block);
  return region == nullptr ? nullptr : region->bytes + granule_of(block);
}

/// Of a block that has a byte. Whoever took it off, or is about to write it, has it alone.
inline Detail& detail_of(const void* block) {
  return region_of(block)->details[granule_of(block)];
}

/// Takes off the block of which `at` says `byte`; false when another thread was faster. A process
/// of one thread is spared the locked instruction, as it is by its allocator.
[[gnu::always_inline]] inline bool take(Byte& at, std::uint8_t byte) {
  if (__libc_single_threaded != 0) {
    at.store(gone, std::memory_order_relaxed);
    return true;
  }
  return at.compare_exchange_strong(byte, gone, std::memory_order_acq_rel);
}

/// As find(), but maps the region when it has no shadow yet; null when the address is unfit or the
/// kernel refuses.
[[nodiscard]] Byte* find_or_map(const void* block) noexcept;

/// The nearest live block that begins below the address, in the same region and not further away
/// than this; 0 when there is none.
[[nodiscard]] std::uintptr_t live_block_below(std::uintptr_t address,
                                              std::size_t distance_max) noexcept;

}  // namespace heapwatch::memtrack::shadow
