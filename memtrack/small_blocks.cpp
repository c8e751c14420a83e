#include "memtrack/small_blocks.h"

#include <time.h>

#include "memtrack/pages.h"
#include "memtrack/sampler.h"

namespace heapwatch::memtrack::small {

Region* regions[shadow::region_count];
constinit thread_local ThreadState small_state{};

namespace {

/// While sampling is off threads look again after so many bytes.
constexpr std::int64_t look_again_bytes = 64 << 20;

/// As find(), but maps the region when it has none yet; null when the kernel refuses.
Word* find_or_map(const void* block) {
  if (Word* const at = find(block); at != nullptr || !shadow::is_fit(block)) {
    return at;
  }
  auto* fresh = static_cast<Region*>(map_pages(sizeof(Region)));
  if (fresh == nullptr) {
    return nullptr;
  }
  Region*& place = regions[reinterpret_cast<std::uintptr_t>(block) >> shadow::region_bits];
  Region* seen = nullptr;
  if (!__atomic_compare_exchange_n(&place, &seen, fresh, false, __ATOMIC_ACQ_REL,
                                   __ATOMIC_ACQUIRE)) {
    unmap_pages(fresh, sizeof(Region));  // another thread was faster
  }
  return find(block);
}

void seed(Draws& draws) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  draws.random = (reinterpret_cast<std::uintptr_t>(&draws) ^
                  static_cast<std::uint64_t>(now.tv_nsec) * 0x9e3779b97f4a7c15U) |
                 1U;
}

/// Draws the next interval, after an allocation that makes the count `bytes`. When that allocation
/// is a sample, returns the interval it was drawn with, else 0.
std::uint64_t draw(unsigned kind, std::uint64_t bytes, std::size_t size) {
  ThreadState& thread = small_state;
  const std::uint64_t drawn_for = thread.interval[kind];
  const std::uint64_t wanted = sampler::interval();
  if (thread.draws.random == 0) {
    seed(thread.draws);
  }
  std::int64_t left = wanted == 0 ? look_again_bytes : draw_interval(wanted, thread.draws);
  std::uint64_t sampled_with = drawn_for;
  // The count started at nothing: this allocation is the first to be taken off it.
  if (const auto taken = static_cast<std::int64_t>(size); wanted != 0 && drawn_for == 0) {
    sampled_with = left > taken ? 0 : wanted;
    left = left > taken ? left - taken : draw_interval(wanted, thread.draws);
  }
  thread.interval[kind] = wanted;
  thread.sample_at[kind] = bytes + static_cast<std::uint64_t>(left);
  return sampled_with;
}

void count(unsigned word, bool allocation) {
  const memtrack_component component = component_of_kind(kind_of(word));
  if (ThreadBlock* const mine = thread_state.block; mine == nullptr) {
    count_without_block(component, size_of(word), allocation);
  } else if (allocation) {
    mine->cells[component].count_allocation(size_of(word));
  } else {
    mine->cells[component].count_free(size_of(word));
  }
}

/// Whether the block is a sample, which is kept then.
bool is_kept(const void* block, std::size_t size, unsigned kind, const void* caller) {
  const ThreadBlock* const mine = thread_state.block;
  if (mine == nullptr || thread_state.busy) {
    return false;
  }
  const memtrack_component component = component_of_kind(kind);
  const std::uint64_t bytes =
      mine->cells[component].allocated_bytes.load(std::memory_order_relaxed) + size;
  if (bytes < small_state.sample_at[kind]) {
    return false;
  }
  const Busy busy;
  const std::uint64_t interval = draw(kind, bytes, size);
  if (interval == 0) {
    return false;
  }
  const std::uint32_t owner = thread_state.owner;
  thread_state.owner = component;
  const bool kept = sampler::keep(block, size, interval, caller);
  thread_state.owner = owner;
  return kept;
}

}  // namespace

void record_slowly(const void* block, std::size_t size, unsigned kind,
                   const void* caller) noexcept {
  if (thread_state.block == nullptr) {
    const Busy busy;
    (void)join_thread();
  }
  Word* const at = find_or_map(block);
  if (at == nullptr) {
    books.unrecorded.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  std::uint16_t word = word_of(size, kind);
  if (is_kept(block, size, kind, caller)) {
    word |= sampled;
  }
  at->store(word, std::memory_order_relaxed);
  count(word, true);
}

void forget_slowly(const void* block, unsigned word) noexcept {
  if ((word & sampled) != 0) {
    sampler::drop(block, live::End::freed);
  }
  count(word, false);
}

Moving begin_move(const void* block) noexcept {
  Moving moving{block, 0, {}};
  if (Word* const at = find(block); at != nullptr) {
    moving.word = at->load(std::memory_order_relaxed);
    at->store(0, std::memory_order_relaxed);
    if ((moving.word & sampled) != 0) {
      moving.sample = sampler::drop(block, live::End::moved);
    }
  }
  return moving;
}

void cancel_move(const Moving& moving) noexcept {
  if (moving.word == 0) {
    return;
  }
  unsigned word = moving.word & ~unsigned{sampled};
  if (moving.sample.record != nullptr && sampler::restore(moving.block, moving.sample)) {
    word |= sampled;
  }
  find(moving.block)->store(static_cast<std::uint16_t>(word), std::memory_order_relaxed);
}

void finish_move(const Moving& moving) noexcept {
  if (moving.word != 0) {
    count(moving.word, false);
  }
}

}  // namespace heapwatch::memtrack::small
