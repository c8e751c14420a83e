#include "memtrack/thread_block.h"

#include <pthread.h>

#include "memtrack/books.h"
#include "memtrack/lock.h"
#include "memtrack/small_blocks.h"

namespace heapwatch::memtrack {

constinit thread_local ThreadState thread_state{};

namespace {

constinit Lock join_lock;

pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
pthread_key_t exit_key;
bool has_exit_key = false;

void leave_thread(void* value) {
  auto* const block = static_cast<ThreadBlock*>(value);
  if (thread_state.block == block) {
    thread_state.block = nullptr;
    small::leave_cells();
  }
  block->freeing.store(nullptr, std::memory_order_release);
  block->taken.store(false, std::memory_order_release);
}

void make_exit_key() {
  has_exit_key = pthread_key_create(&exit_key, leave_thread) == 0;
}

ThreadBlock* find_free_block() {
  for (ThreadBlock* block = books.blocks.load(std::memory_order_acquire); block != nullptr;
       block = block->next) {
    if (!block->taken.load(std::memory_order_acquire)) {
      block->taken.store(true, std::memory_order_relaxed);
      return block;
    }
  }
  return nullptr;
}

template <typename Add>
void for_each_cell(memtrack_component first, memtrack_component limit, Add add) {
  for (memtrack_component id = first; id < limit; ++id) {
    add(books.cells_without_block[id]);
  }
  for (const ThreadBlock* block = books.blocks.load(std::memory_order_acquire); block != nullptr;
       block = block->next) {
    for (memtrack_component id = first; id < limit; ++id) {
      add(block->cells[id]);
    }
  }
}

}  // namespace

bool join_thread() noexcept {
  pthread_once(&exit_key_once, make_exit_key);
  ThreadBlock* block = nullptr;
  {
    const Locked locked(join_lock);
    block = find_free_block();
    if (block == nullptr) {
      block = static_cast<ThreadBlock*>(take_pool(sizeof(ThreadBlock)));
      if (block == nullptr) {
        return false;
      }
      block->taken.store(true, std::memory_order_relaxed);
      block->next = books.blocks.load(std::memory_order_relaxed);
      books.blocks.store(block, std::memory_order_release);
    }
  }
  thread_state.block = block;
  thread_state.start_over();
  small::leave_cells();
  if (has_exit_key) {
    pthread_setspecific(exit_key, block);  // may allocate, which finds the block in place
  }
  return true;
}

void count_without_block(memtrack_component component, std::uint64_t bytes,
                         bool allocation) noexcept {
  Cell& cell = books.cells_without_block[component];
  (allocation ? cell.allocations : cell.frees).fetch_add(1, std::memory_order_acq_rel);
  (allocation ? cell.allocated_bytes : cell.freed_bytes)
      .fetch_add(bytes, std::memory_order_acq_rel);
}

memtrack_counters sum_counters(memtrack_component first, memtrack_component limit) noexcept {
  memtrack_counters sum{};
  // Frees first: whatever is freed by then was allocated before, and is found in the second pass.
  for_each_cell(first, limit, [&](const Cell& cell) {
    sum.freed_bytes += cell.freed_bytes.load(std::memory_order_acquire);
    sum.frees += cell.frees.load(std::memory_order_acquire);
  });
  for_each_cell(first, limit, [&](const Cell& cell) {
    sum.allocated_bytes += cell.allocated_bytes.load(std::memory_order_acquire);
    sum.allocations += cell.allocations.load(std::memory_order_acquire);
  });
  sum.inuse_bytes = sum.allocated_bytes - sum.freed_bytes;
  return sum;
}

bool is_being_freed(const void* block) noexcept {
  for (const ThreadBlock* other = books.blocks.load(std::memory_order_acquire); other != nullptr;
       other = other->next) {
    if (other->freeing.load(std::memory_order_acquire) == block) {
      return true;
    }
  }
  return false;
}

void thread_blocks_before_fork() noexcept {
  join_lock.acquire();
}

void thread_blocks_after_fork(bool child) noexcept {
  if (child) {
    for (ThreadBlock* block = books.blocks.load(std::memory_order_acquire); block != nullptr;
         block = block->next) {
      if (block != thread_state.block) {
        block->freeing.store(nullptr, std::memory_order_relaxed);
        block->taken.store(false, std::memory_order_release);
      }
    }
  }
  join_lock.release();
}

}  // namespace heapwatch::memtrack
