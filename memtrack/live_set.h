// The sampled blocks that are in use, each with the moment of its birth, in the books; and what all
// of them had at their peak.
//
// The peak costs a comparison per change. While more is held than ever before, the peak is now, and
// records need not note anything. When it is left, it gets a number, and a record notes what it had
// before it changes for the first time after that. A record that does not change has its figure of
// then anyway.
//
// Threads: one at a time; the sampler has a lock.
#pragma once

#include <cstdint>

namespace heapwatch::memtrack {

struct Live;
struct Record;

namespace live {

/// The time since the books were begun.
[[nodiscard]] std::uint32_t tick() noexcept;

/// Counts a block of the record as in use since then. Null when there is no room.
Live* add(const void* block, Record* record, std::uint32_t birth) noexcept;
/// Null when it is not in.
[[nodiscard]] Live* find(const void* block) noexcept;

/// What a block that is no longer in use was.
struct Former {
  Record* record = nullptr;
  std::uint32_t birth = 0;
};
enum class End {
  freed,
  moved,  // becomes another block: it was no temporary one
};
Former remove(Live* former, End how) noexcept;
/// All that have an address.
void remove_blocks() noexcept;
/// Counts the block for another record: as a free here and an allocation there, with its birth.
void move(Live* block, Record* to) noexcept;

}  // namespace live

}  // namespace heapwatch::memtrack
