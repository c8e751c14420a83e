#include "memtrack/sampler.h"

#include <time.h>

#include <atomic>

#include "memtrack/books.h"
#include "memtrack/interpreter.h"
#include "memtrack/lock.h"
#include "memtrack/pages.h"
#include "memtrack/poisson.h"
#include "memtrack/records.h"
#include "memtrack/run.h"
#include "memtrack/thread_block.h"
#include "memtrack/unwind.h"

struct memtrack_profile {
  struct Line {
    const heapwatch::memtrack::Record* record;
    std::uint64_t allocated;
    std::uint64_t inuse;
  };
  std::size_t bytes;  // of the pages it is in
  std::size_t count;
  Line lines[1];  // count of them
};

namespace heapwatch::memtrack::sampler {

namespace {

/// While sampling is off threads look again after so many bytes.
constexpr std::int64_t look_again_bytes = 64 << 20;

constinit Lock lock;

memtrack_sample sample_of(const Record& record, std::uint64_t allocated, std::uint64_t inuse) {
  memtrack_sample sample{};
  if (record.stack != nullptr) {
    sample.stack = record.stack->words;
    sample.depth = record.stack->depth;
  }
  sample.component = record.component;
  sample.space = static_cast<memtrack_space>(record.space);
  sample.size = record.size;
  sample.interval = record.interval;
  sample.allocated = allocated;
  sample.inuse = inuse;
  sample.weight = weight_of(record.size, record.interval);
  return sample;
}

/// What counts towards the thread's next sample while it has no owner.
std::uint64_t allocated(const ThreadState& thread) {
  return thread.block->cells[0].allocated_bytes.load(std::memory_order_relaxed);
}

/// `left` bytes until the next sample, after those of an allocation that is not counted yet.
void set_left(ThreadState& thread, std::int64_t left, std::size_t uncounted = 0) {
  thread.left = left;
  thread.sample_at = thread.owner != 0 || left < 0
                         ? 0
                         : allocated(thread) + uncounted + static_cast<std::uint64_t>(left);
}

void seed(ThreadState& thread) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  thread.draws.random =
      mix(mix(reinterpret_cast<std::uintptr_t>(&thread), static_cast<std::uint64_t>(now.tv_nsec)),
          static_cast<std::uint64_t>(now.tv_sec)) |
      1U;
}

}  // namespace

void set_owner(std::uint32_t owner) noexcept {
  ThreadState& thread = thread_state;
  const bool had_owner = thread.owner != 0;
  thread.owner = owner;
  if (thread.block != nullptr && had_owner != (owner != 0)) {
    set_left(thread, had_owner ? thread.left
                               : static_cast<std::int64_t>(thread.sample_at - allocated(thread)));
  }
}

bool is_due(std::size_t size) noexcept {
  ThreadState& thread = thread_state;
  if (thread.owner == 0) {
    return allocated(thread) + size >= thread.sample_at;
  }
  thread.left -= static_cast<std::int64_t>(size);
  return thread.left <= 0;
}

std::uint64_t draw(std::size_t size) noexcept {
  ThreadState& thread = thread_state;
  if (books.interval_and_one.load(std::memory_order_relaxed) == 0 && choose_interval != nullptr) {
    choose_interval();
  }
  const std::uint64_t drawn_for = thread.interval;
  const std::uint64_t wanted = interval();
  if (thread.draws.random == 0) {
    seed(thread);
  }
  std::int64_t left = wanted == 0 ? look_again_bytes : draw_interval(wanted, thread.draws);
  std::uint64_t sampled_with = drawn_for;
  // The count started at nothing: this allocation is the first to be taken off it.
  if (const auto bytes = static_cast<std::int64_t>(size); wanted != 0 && drawn_for == 0) {
    sampled_with = left > bytes ? 0 : wanted;
    left = left > bytes ? left - bytes : draw_interval(wanted, thread.draws);
  }
  thread.interval = wanted;
  set_left(thread, left, size);
  return sampled_with;
}

namespace {

/// Apart, for the room that deep stacks take.
template <typename Use>
[[gnu::noinline]] auto at_deep_stack(const void* caller, const Use& use) {
  std::uint64_t words[mixed_depth_max];
  const std::size_t depth = unwind(caller, words, mixed_depth_max);
  return use(FoundStack{words, depth, 0});
}

template <typename Use>
[[gnu::noinline]] auto at_mixed_stack(const void* caller, interpreter::FrameSource source,
                                      const Use& use) {
  std::uint64_t words[mixed_depth_max + frames_max];
  const std::size_t depth = unwind(caller, words, mixed_depth_max);
  static_assert(sizeof(Frame) == sizeof words[0]);
  const std::size_t count = source(reinterpret_cast<Frame*>(words + depth), frames_max);
  return use(FoundStack{words, depth, count});
}

/// What `use` makes of the stack of the calling thread.
template <typename Use>
auto at_stack(const void* caller, const Use& use) {
  if (const interpreter::FrameSource source = interpreter::frame_source(); source != nullptr) {
    return at_mixed_stack(caller, source, use);
  }
  // Few stacks are deeper than that. Of those it is the outermost frames that tell who wanted what:
  // the callers in Go of deep C code.
  std::uint64_t words[memtrack_stack_depth_max];
  const std::size_t depth = unwind(caller, words, memtrack_stack_depth_max);
  return depth == memtrack_stack_depth_max ? at_deep_stack(caller, use)
                                           : use(FoundStack{words, depth, 0});
}

}  // namespace

bool keep(const void* block, std::size_t size, std::uint64_t interval, const void* caller,
          memtrack_space space) noexcept {
  RecordKey key{nullptr, size, interval,         component_of(thread_state.owner),
                space,   0,    thread_state.work};
  if (space == memtrack_space_native && interpreter::owns(key.component)) {
    key.space = memtrack_space_python;
  }
  return at_stack(caller, [&key, block](const FoundStack& found) {
    const Locked locked(lock);
    key.stack = intern(found);
    key.thread = thread_number();
    Record* const record = find_record(key);
    if (record == nullptr || live::add(block, record, live::tick()) == nullptr) {
      books.lost_samples.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    ++record->allocated;
    books.samples.fetch_add(1, std::memory_order_relaxed);
    return true;
  });
}

const Record* find(const void* block) noexcept {
  const Locked locked(lock);
  const Live* const found = live::find(block);
  return found == nullptr ? nullptr : found->record;
}

live::Former drop(const void* block, live::End how) noexcept {
  const Locked locked(lock);
  Live* const found = live::find(block);
  return found == nullptr ? live::Former{} : live::remove(found, how);
}

bool restore(const void* block, const live::Former& former) noexcept {
  const Locked locked(lock);
  return former.record != nullptr && live::add(block, former.record, former.birth) != nullptr;
}

bool recharge(const void* block, memtrack_component to) noexcept {
  const Locked locked(lock);
  Live* const found = live::find(block);
  if (found == nullptr) {
    return false;
  }
  const Record& old = *found->record;
  const memtrack_space space =
      interpreter::owns(to) ? memtrack_space_python : memtrack_space_native;
  Record* const record =
      find_record({old.stack, old.size, old.interval, to, space, old.thread, old.work});
  if (record != nullptr) {
    live::move(found, record);
  }
  return true;
}

void clear() noexcept {
  const Locked locked(lock);
  live::remove_blocks();
}

Live* enter(std::size_t size, const void* caller, memtrack_space space) noexcept {
  RecordKey key{nullptr, size, 1, component_of(thread_state.owner), space, 0, thread_state.work};
  return at_stack(caller, [&key](const FoundStack& found) -> Live* {
    const Locked locked(lock);
    key.stack = intern(found);
    key.thread = thread_number();
    Record* const record = find_record(key);
    Live* const entered = record == nullptr ? nullptr : live::add(nullptr, record, live::tick());
    if (entered == nullptr) {
      books.lost_samples.fetch_add(1, std::memory_order_relaxed);
    } else {
      ++record->allocated;
    }
    return entered;
  });
}

namespace {

Live* enter_rest(const Record& of, std::uint32_t birth, std::size_t size) {
  if (size == 0) {
    return nullptr;
  }
  Record* const record = find_record({of.stack, size, of.interval, of.component,
                                      static_cast<memtrack_space>(of.space), of.thread, of.work});
  return record == nullptr ? nullptr : live::add(nullptr, record, birth);
}

}  // namespace

Rests leave(Live* block, std::size_t first_bytes, std::size_t second_bytes) noexcept {
  if (block == nullptr) {
    return {};
  }
  const Locked locked(lock);
  const bool stays = first_bytes + second_bytes > 0;
  const live::Former was = live::remove(block, stays ? live::End::moved : live::End::freed);
  return {enter_rest(*was.record, was.birth, first_bytes),
          enter_rest(*was.record, was.birth, second_bytes)};
}

void count_in_space(memtrack_space space, std::size_t bytes, bool allocation) noexcept {
  Cell& cell = books.spaces[space];
  if (allocation) {
    cell.allocations.fetch_add(1, std::memory_order_relaxed);
    cell.allocated_bytes.fetch_add(bytes, std::memory_order_relaxed);
  } else {
    cell.frees.fetch_add(1, std::memory_order_release);
    cell.freed_bytes.fetch_add(bytes, std::memory_order_release);
  }
}

void count_cut_in_space(memtrack_space space, std::size_t bytes, int pieces) noexcept {
  Cell& cell = books.spaces[space];
  if (pieces == 2) {
    cell.allocations.fetch_add(1, std::memory_order_relaxed);
  } else if (pieces == 0) {
    cell.frees.fetch_add(1, std::memory_order_release);
  }
  cell.freed_bytes.fetch_add(bytes, std::memory_order_release);
}

void count_waiting_thread(int by) noexcept {
  books.waiting_threads.fetch_add(by, std::memory_order_relaxed);
}

void set_interval(std::size_t bytes) noexcept {
  constexpr std::size_t most = memtrack_sample_interval_max;
  books.interval_and_one.store((bytes < most ? bytes : most) + 1, std::memory_order_relaxed);
  // The process has no memory, so the thread may start over.
  thread_state.start_over();
}

std::size_t interval() noexcept {
  const std::uint64_t stored = books.interval_and_one.load(std::memory_order_relaxed);
  return stored == 0 ? std::size_t{memtrack_sample_interval_default} : stored - 1;
}

std::uint64_t samples() noexcept {
  return books.samples.load(std::memory_order_relaxed);
}

std::uint64_t lost_samples() noexcept {
  return books.lost_samples.load(std::memory_order_relaxed);
}

void before_fork() noexcept {
  lock.acquire();
}

void after_fork() noexcept {
  lock.release();
}

}  // namespace heapwatch::memtrack::sampler

namespace sampler = heapwatch::memtrack::sampler;

memtrack_profile* memtrack_profile_take(void) noexcept {
  const heapwatch::memtrack::Busy busy;
  // The pages are made outside the lock; records that come meanwhile are for the next profile.
  sampler::lock.acquire();
  const std::size_t count = heapwatch::memtrack::books.record_count.load(std::memory_order_relaxed);
  sampler::lock.release();
  const std::size_t bytes = sizeof(memtrack_profile) + count * sizeof(memtrack_profile::Line);
  auto* const profile = static_cast<memtrack_profile*>(heapwatch::memtrack::map_pages(bytes));
  if (profile == nullptr) {
    return nullptr;
  }
  profile->bytes = bytes;
  profile->count = count;
  const heapwatch::memtrack::Locked locked(sampler::lock);
  for (std::size_t i = 0; i < count; ++i) {
    using heapwatch::memtrack::books;
    constexpr std::size_t per_chunk = heapwatch::memtrack::records_per_chunk;
    const heapwatch::memtrack::Record& record = books.chunks[i / per_chunk]->records[i % per_chunk];
    profile->lines[i] = {&record, record.allocated, record.inuse};
  }
  return profile;
}

void memtrack_profile_release(memtrack_profile* profile) noexcept {
  if (profile != nullptr) {
    heapwatch::memtrack::unmap_pages(profile, profile->bytes);
  }
}

size_t memtrack_profile_size(const memtrack_profile* profile) noexcept {
  return profile->count;
}

memtrack_sample memtrack_profile_at(const memtrack_profile* profile, size_t index) noexcept {
  const memtrack_profile::Line& line = profile->lines[index];
  return sampler::sample_of(*line.record, line.allocated, line.inuse);
}

memtrack_sample memtrack_profile_delta_at(const memtrack_profile* later,
                                          const memtrack_profile* earlier, size_t index) noexcept {
  memtrack_sample sample = memtrack_profile_at(later, index);
  if (index < earlier->count) {
    sample.allocated -= earlier->lines[index].allocated;
    sample.inuse -= earlier->lines[index].inuse;
  }
  return sample;
}
