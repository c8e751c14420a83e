// The heap profile: which allocations are sampled, from where, and which of them are still in use.
#pragma once

#include <cstddef>
#include <cstdint>

#include "memtrack/live_set.h"
#include "memtrack/memtrack.h"

namespace heapwatch::memtrack::sampler {

/// Of the calling thread, from now on.
void set_owner(std::uint32_t owner) noexcept;

/// Whether the calling thread, which has a block, has come to its next sample with an allocation of
/// `size` bytes, not counted yet. If so, draw() must follow, or it is the next allocation's turn.
[[nodiscard]] bool is_due(std::size_t size) noexcept;
/// Draws the next interval. When that allocation is a sample, returns the interval it was drawn
/// with, else 0.
[[nodiscard]] std::uint64_t draw(std::size_t size) noexcept;

/// Keeps a sample; false when it had to be given up.
[[nodiscard]] bool keep(const void* block, std::size_t size, std::uint64_t interval,
                        const void* caller, memtrack_space space = memtrack_space_native) noexcept;

/// Of a sampled block.
[[nodiscard]] const Record* find(const void* block) noexcept;
/// A sampled block leaves the profile's live set. Without a record when it was not in.
live::Former drop(const void* block, live::End how) noexcept;
/// Puts a sampled block down to another component; false when it is not in the live set.
[[nodiscard]] bool recharge(const void* block, memtrack_component to) noexcept;
/// Undoes drop().
[[nodiscard]] bool restore(const void* block, const live::Former& former) noexcept;

/// All sampled blocks leave the live set.
void clear() noexcept;

/// A block of a space whose blocks are each kept by who allocates them, and not looked up by
/// address. Null when it could not be kept, which all that take one here bear.
[[nodiscard]] Live* enter(std::size_t size, const void* caller, memtrack_space space) noexcept;
/// What is left of such a block, which leaves, in so many bytes; null for 0.
struct Rests {
  Live* first;
  Live* second;
};
Rests leave(Live* block, std::size_t first_bytes = 0, std::size_t second_bytes = 0) noexcept;
/// The exact totals of such a space.
void count_in_space(memtrack_space space, std::size_t bytes, bool allocation) noexcept;
/// So many bytes went out of a block, which left so many pieces: 0 to 2.
void count_cut_in_space(memtrack_space space, std::size_t bytes, int pieces) noexcept;
void count_waiting_thread(int by) noexcept;

void set_interval(std::size_t bytes) noexcept;
/// Defined by who has something to say before the first sample, which comes before any constructor
/// of a library that tracks a whole program; absent otherwise.
[[gnu::weak]] void choose_interval() noexcept;
[[nodiscard]] std::size_t interval() noexcept;

[[nodiscard]] std::uint64_t samples() noexcept;
[[nodiscard]] std::uint64_t lost_samples() noexcept;

void before_fork() noexcept;
void after_fork() noexcept;

}  // namespace heapwatch::memtrack::sampler
