// Puts blocks on the books and takes them off: the fast paths here, everything rare in tracker.cpp.
#pragma once

#include "memtrack/books.h"
#include "memtrack/sampler.h"
#include "memtrack/shadow.h"
#include "memtrack/thread_block.h"

namespace heapwatch::memtrack {

[[gnu::always_inline]] inline Mode mode() {
  return books.mode.load(std::memory_order_relaxed);
}

/// `starting` and `dormant_unused` end with the first block; returns the mode that follows. Any
/// other mode is returned.
Mode begin_mode(Mode seen) noexcept;
/// Defined by who has something to do when accounting begins, each time it does so; on the thread
/// that allocates the first block, holding no lock. Absent otherwise.
[[gnu::weak]] void accounting_begins() noexcept;
/// Defined by who knows the allocator: how many bytes a block of it has. Absent otherwise.
[[gnu::weak]] std::size_t usable_bytes(void* block) noexcept;
/// Does something while all locks are held, as in a fork: what other threads note waits for it, and
/// so does a fork. Counts of theirs may get lost. `act` allocates nothing.
void do_while_nothing_is_noted(void (*act)()) noexcept;
void set_enabled(bool on) noexcept;
/// Off until it is switched on: nothing is noted, and what was is given up then.
void go_dormant() noexcept;
void set_callback(memtrack_callback callback) noexcept;
[[nodiscard]] memtrack_callback callback() noexcept;
void notify(void* block, std::size_t size, memtrack_op op) noexcept;

/// Whether a block that was taken off the books and is freed again may be someone else's by now.
enum class Reuse {
  possible,    // raw malloc hands out blocks too
  impossible,  // every block of the process is on the books
};

/// From now on blocks may come from functions that are not ours, and may be where freed ones were.
void expect_other_sources() noexcept;

/// What is to become of a block after it was looked up.
enum class Fate {
  release,  // goes to the allocator
  pass_on,  // was never on the books: goes to whoever made it
  refuse,   // is free already, or null: leave it alone
};

/// What the books say of a block that was taken off them.
struct Entry {
  std::size_t size;
  memtrack_component component;
  bool sampled;       // may be in the heap profile
  std::uint32_t run;  // that allocated it and may still be going on; 0: none
};

void* record_slowly(void* block, std::size_t size, const void* caller) noexcept;
Fate forget_slowly(void* block, const void* caller, Reuse reuse) noexcept;

/// The return address of the allocation function, into which whoever takes one is inlined.
struct Caller {
  // NOLINTNEXTLINE(google-explicit-constructor): reads it where it is wanted, on slow paths
  [[gnu::always_inline]] operator const void*() const { return __builtin_return_address(0); }
};

/// Puts a new block on the books and returns it, so that the slow path is a tail call.
/// `CallerType`: Caller, or an address that is known already.
template <typename CallerType>
[[gnu::always_inline]] inline void* record(void* block, std::size_t size, CallerType caller,
                                           Reuse reuse) {
  const ThreadState& thread = thread_state;
  if (ThreadBlock* const mine = thread.block; mine != nullptr) [[likely]] {
    const std::uint64_t bytes =
        mine->cells[0].allocated_bytes.load(std::memory_order_relaxed) + size;
    shadow::Word* const at = shadow::find(block);
    // Where every free is seen, the word says nothing, and is not waited for.
    if (bytes < thread.sample_at && size <= shadow::plain_size_max && at != nullptr &&
        (reuse == Reuse::impossible || !shadow::is_taken(at->load(std::memory_order_relaxed))))
        [[likely]] {
      shadow::write_plain(at, block, size);
      mine->cells[0].count_allocation_to(bytes);
      return block;
    }
  }
  return record_slowly(block, size, caller);
}

/// Takes a block off the books before it is freed. Null when that is not the common case, which
/// forget_slowly() is for; else whom to settle() once the block is free.
[[gnu::always_inline]] inline ThreadBlock* forget(void* block, Reuse reuse) {
  shadow::Word* const at = shadow::find(block);
  ThreadBlock* const mine = thread_state.block;
  if (at == nullptr || mine == nullptr) [[unlikely]] {
    return nullptr;
  }
  if (reuse == Reuse::possible) {
    // Whoever frees the block a second time finds it either here or free.
    mine->freeing.store(block, std::memory_order_release);
  }
  const std::uint16_t word = at->load(std::memory_order_relaxed);
  const unsigned entry = word ^ shadow::half_of(block);
  if (!shadow::is_plain(entry) || !shadow::take(*at, word)) [[unlikely]] {
    return nullptr;
  }
  mine->cells[0].count_free(shadow::plain_size(at, entry));
  return mine;
}

[[gnu::always_inline]] inline void settle(ThreadBlock* mine = thread_state.block) {
  if (mine != nullptr) {
    mine->freeing.store(nullptr, std::memory_order_release);
  }
}

/// A block on its way through realloc: off the books until it is known what became of it.
struct Moving {
  enum class Was { tracked, older, foreign, freed } was;
  void* block;  // as an address only, once it has moved
  Entry entry;
  live::Former sample;  // of a sampled block
};

[[nodiscard]] Moving begin_move(void* block, const void* caller,
                                Reuse reuse) noexcept;  // never `freed` while paused
/// The allocator failed: everything is as before.
void cancel_move(const Moving& moving) noexcept;
/// The allocator made `to` of the block.
void finish_move(const Moving& moving, void* to, std::size_t size, const void* caller) noexcept;
/// The block is gone, and what was made of it is noted elsewhere.
void finish_move_elsewhere(const Moving& moving) noexcept;

/// Puts a block, which its caller holds, down to another component, with its sample: it counts as a
/// free there and as an allocation here. False when it is not on the books of `from`.
bool recharge(void* block, memtrack_component from, memtrack_component to) noexcept;

/// Whether a free of the block, which its caller holds, would be accounted for.
[[nodiscard]] bool is_on_books(const void* block) noexcept;

/// With accounting off.
void note_older(void* block) noexcept;
void forget_while_paused(void* block) noexcept;
/// finish_move for a block that accounting does not follow any more.
void finish_move_while_paused(const Moving& moving, void* to) noexcept;

[[nodiscard]] memtrack_counters total_counters() noexcept;
[[nodiscard]] memtrack_counters component_counters(memtrack_component component) noexcept;
[[nodiscard]] memtrack_health health() noexcept;

}  // namespace heapwatch::memtrack
