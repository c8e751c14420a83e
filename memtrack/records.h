// What samples are counted by, in the books: stacks, names of threads, and a record for each kind
// of sample. All of it stays for good.
//
// Threads: one at a time; the sampler has a lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "memtrack/memtrack.h"

namespace heapwatch::memtrack {

struct Record;
struct Stack;

inline constexpr unsigned hash_bits = 16;

inline std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 29);
}

/// In a table of 1 << hash_bits.
inline std::size_t slot_of(std::uint64_t hash) {
  return static_cast<std::size_t>((hash * 0x9e3779b97f4a7c15U) >> (64 - hash_bits));
}

/// A stack as it was found: `depth` return addresses, then `frames` of an interpreter.
struct FoundStack {
  const std::uint64_t* words;
  std::size_t depth;
  std::size_t frames;
};

/// Null when there is no room.
[[nodiscard]] const Stack* intern(const FoundStack& found) noexcept;

/// The number of the calling thread's name in the books.
[[nodiscard]] std::uint32_t thread_number() noexcept;

/// What a record is of.
struct RecordKey {
  const Stack* stack;
  std::uint64_t size;
  std::uint64_t interval;
  memtrack_component component;
  memtrack_space space;
  std::uint32_t thread;
  memtrack_component work;
};

/// The record of that, made when there is none yet; null when there is no room.
[[nodiscard]] Record* find_record(const RecordKey& key) noexcept;

}  // namespace heapwatch::memtrack
