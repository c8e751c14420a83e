#include "memtrack/small_blocks.h"

#include <time.h>

#include "memtrack/sampler.h"

namespace heapwatch::memtrack::small {

Region* regions[region_count];
PartsInUse<region_count> regions_in_use{};
constinit thread_local ThreadState small_state{};

namespace {

/// While sampling is off threads look again after so many bytes.
constexpr std::int64_t look_again_bytes = 64 << 20;

Region*& region_of(const void* block) {
  return regions[reinterpret_cast<std::uintptr_t>(block) >> region_bits];
}

constexpr std::uintptr_t start_of_region(std::uintptr_t address) {
  return address & ~((std::uintptr_t{1} << region_bits) - 1);
}

/// Has the thread meet its next blocks there.
void stay(std::uintptr_t start, Region* region) {
  ThreadBlock* const block = thread_state.block;
  if (block != nullptr) {
    small_state.region_start = start;
    small_state.words = region->words;
    small_state.cells = block->cells + component_of_kind(0);
  }
}

/// Null when no block near the address was ever recorded.
Word* find(const void* block) {
  if (!shadow::is_fit(block)) {
    return nullptr;
  }
  Region* const region = __atomic_load_n(&region_of(block), __ATOMIC_ACQUIRE);
  if (region == nullptr) {
    return nullptr;
  }
  const std::uintptr_t start = start_of_region(reinterpret_cast<std::uintptr_t>(block));
  stay(start, region);
  return region->words + index_in(start, block);
}

/// As find(), but maps the region when it has none yet; null when the kernel refuses.
Word* find_or_map(const void* block) {
  if (Word* const at = find(block); at != nullptr || !shadow::is_fit(block)) {
    return at;
  }
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  return map_region(regions, regions_in_use, address >> region_bits) ? find(block) : nullptr;
}

void seed(Draws& draws) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  draws.random = (reinterpret_cast<std::uintptr_t>(&draws) ^
                  static_cast<std::uint64_t>(now.tv_nsec) * 0x9e3779b97f4a7c15U) |
                 1U;
}

/// Draws the next interval. When the allocation is a sample, returns the interval it was drawn
/// with, else 0.
std::uint64_t draw(unsigned kind, std::size_t size) {
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
  thread.left[kind] = left;
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
  if (thread_state.block == nullptr) {
    return false;
  }
  const auto bytes = static_cast<std::int64_t>(size);
  if (thread_state.busy || small_state.left[kind] > bytes) {
    small_state.left[kind] -= bytes;
    return false;
  }
  const Busy busy;
  const std::uint64_t interval = draw(kind, size);
  if (interval == 0) {
    return false;
  }
  const std::uint32_t owner = thread_state.owner;
  thread_state.owner = component_of_kind(kind);
  const bool kept = sampler::keep(block, size, interval, caller);
  thread_state.owner = owner;
  return kept;
}

}  // namespace

void leave_cells() noexcept {
  small_state.region_start = ThreadState::nowhere;
}

void* record_slowly(void* block, std::size_t size, unsigned kind, const void* caller) noexcept {
  if (thread_state.block == nullptr) {
    const Busy busy;
    (void)join_thread();
  }
  Word* const at = find_or_map(block);
  if (at == nullptr) {
    books.unrecorded.fetch_add(1, std::memory_order_relaxed);
    return block;
  }
  std::uint16_t word = word_of(size, kind);
  if (is_kept(block, size, kind, caller)) {
    word |= sampled;
  }
  at->store(word, std::memory_order_relaxed);
  count(word, true);
  return block;
}

void* sample_slowly(void* block, std::size_t size, unsigned kind, const void* caller) noexcept {
  small_state.left[kind] += static_cast<std::int64_t>(size);
  return record_slowly(block, size, kind, caller);
}

bool forget_slowly(const void* block) noexcept {
  Word* const at = find(block);
  const unsigned word = at == nullptr ? 0 : at->load(std::memory_order_relaxed);
  if (word == 0) {
    return false;
  }
  at->store(0, std::memory_order_relaxed);
  if ((word & sampled) != 0) {
    sampler::drop(block, live::End::freed);
  }
  count(word, false);
  return true;
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

namespace {

bool mark_sample(const void* block) {
  Word* const at = find_or_map(block);
  if (at != nullptr) {
    at->store(sampled, std::memory_order_relaxed);
  }
  return at != nullptr;
}

}  // namespace

void* take_sample(void* block, std::size_t size, unsigned kind, const void* caller) noexcept {
  small_state.left[kind] += static_cast<std::int64_t>(size);
  if (thread_state.block == nullptr) {
    const Busy busy;
    (void)join_thread();
  }
  if (is_kept(block, size, kind, caller) && !mark_sample(block)) {
    sampler::drop(block, live::End::freed);
    books.unrecorded.fetch_add(1, std::memory_order_relaxed);
  }
  return block;
}

void forget_sample(const void* block) noexcept {
  Word* const at = find(block);
  if (at != nullptr && sampler::drop(block, live::End::freed).record != nullptr) {
    at->store(0, std::memory_order_relaxed);
  }
}

live::Former take_off_sample(const void* block) noexcept {
  Word* const at = find(block);
  const live::Former former =
      at == nullptr ? live::Former{} : sampler::drop(block, live::End::moved);
  if (former.record != nullptr) {
    at->store(0, std::memory_order_relaxed);
  }
  return former;
}

void restore_sample(const void* block, const live::Former& former) noexcept {
  if (former.record != nullptr && sampler::restore(block, former)) {
    (void)mark_sample(block);
  }
}

}  // namespace heapwatch::memtrack::small
