// The counters: every thread has its own block of them and is its only writer; readers add all
// blocks up.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memtrack/memtrack.h"
#include "memtrack/poisson.h"

namespace heapwatch::memtrack {

/// What one thread counted for one component.
struct Cell {
  std::atomic<std::uint64_t> allocations;
  std::atomic<std::uint64_t> allocated_bytes;
  std::atomic<std::uint64_t> frees;
  std::atomic<std::uint64_t> freed_bytes;

  // One writer: a load and a store, no locked instruction. Frees are released, so that a reader who
  // sees one also sees the allocation that came before it in whatever thread.
  [[gnu::always_inline]] void count_allocation(std::uint64_t bytes) {
    bump(allocations, 1);
    bump(allocated_bytes, bytes);
  }
  /// `bytes`: allocated_bytes with the block.
  [[gnu::always_inline]] void count_allocation_to(std::uint64_t bytes) {
    bump(allocations, 1);
    allocated_bytes.store(bytes, std::memory_order_release);
  }
  [[gnu::always_inline]] void count_free(std::uint64_t bytes) {
    bump(frees, 1);
    bump(freed_bytes, bytes);
  }

 private:
  [[gnu::always_inline]] static void bump(std::atomic<std::uint64_t>& counter, std::uint64_t by) {
#if defined(__x86_64__)
    // The same in one instruction, which compilers do not make of it.
    asm volatile("addq %1, %0" : "+m"(counter) : "er"(by) : "cc");
#else
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_release);
#endif
  }
};

/// Mapped, zeroed, never unmapped. When its thread ends it keeps its totals and waits for the next
/// thread.
struct ThreadBlock {
  std::atomic<const void*> freeing;  // taken off the books and about to be freed by this thread
  std::atomic<bool> taken;
  ThreadBlock* next;
  alignas(64) Cell cells[memtrack_components_max];
};

/// What a thread has at hand. Static TLS, so that reaching it allocates nothing.
struct ThreadState {
  ThreadBlock* block;  // null before the first use and after the end of the thread
  // What cells[0] of the block has allocated when the next sample is due; 0 while there is an
  // owner, so that the slow path is told of each allocation.
  std::uint64_t sample_at;
  std::uint32_t owner;        // of the blocks it allocates, as run.h says; 0: nobody
  std::int64_t left;          // bytes until the next sample, while there is an owner
  bool busy;                  // inside our own slow path: take no sample, call no callback
  std::uint32_t older_frees;  // that it has made
  Draws draws;
  std::uint64_t interval;  // that the next sample was drawn for; 0: it was not drawn
  std::uintptr_t stack_low;
  std::uintptr_t stack_high;
  memtrack_component work;  // what the thread works for, which its samples tell; 0: nothing

  /// The process has no memory, so the next sample may be drawn anew.
  void start_over() {
    interval = 0;
    sample_at = 0;
    left = 0;
  }
};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
extern constinit thread_local ThreadState thread_state [[gnu::tls_model("initial-exec")]];

/// Gives the calling thread a block; false without memory. Its frees may go on after its
/// destructors ran: it then gets another block.
bool join_thread() noexcept;

/// For a thread without a block: counts with locked instructions.
void count_without_block(memtrack_component component, std::uint64_t bytes,
                         bool allocation) noexcept;

/// Sums over all threads; untracked frees are not among these.
[[nodiscard]] memtrack_counters sum_counters(memtrack_component first,
                                             memtrack_component limit) noexcept;

/// Whether some thread is about to free the block.
[[nodiscard]] bool is_being_freed(const void* block) noexcept;

/// Around fork: no thread joins meanwhile; in the child all blocks but the caller's are free to
/// take.
void thread_blocks_before_fork() noexcept;
void thread_blocks_after_fork(bool child) noexcept;

/// Marks the thread as inside the slow path; nested ones leave the outermost in charge.
class Busy {
 public:
  Busy() noexcept : before_(thread_state.busy) { thread_state.busy = true; }
  ~Busy() { thread_state.busy = before_; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  bool before_;
};

}  // namespace heapwatch::memtrack
