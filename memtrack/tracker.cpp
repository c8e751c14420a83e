#include "memtrack/tracker.h"

#include <pthread.h>

#include "memtrack/books.h"
#include "memtrack/component.h"
#include "memtrack/fallback.h"
#include "memtrack/lock.h"
#include "memtrack/mappings.h"
#include "memtrack/pages.h"
#include "memtrack/run.h"
#include "memtrack/untracked.h"

namespace heapwatch::memtrack {

constinit std::atomic<Mode> current_mode{Mode::starting};

namespace {

constinit Lock mode_lock;
constinit std::atomic<memtrack_callback> current_callback{nullptr};
constinit std::atomic<bool> prepared{false};
constinit std::atomic<bool> dormant_blocks{false};  // allocated in dormant mode, known to nobody
constinit std::atomic<std::uint64_t> unrecorded_freed{0};

void before_fork() {
  mode_lock.acquire();
  components_before_fork();
  runs_before_fork();
  untracked_before_fork();
  fallback::before_fork();
  sampler::before_fork();
  mappings_before_fork();
  thread_blocks_before_fork();
  books_before_fork();
}

void after_fork(bool child) {
  books_after_fork(child);
  thread_blocks_after_fork(child);
  mappings_after_fork();
  sampler::after_fork();
  fallback::after_fork();
  untracked_after_fork();
  runs_after_fork();
  components_after_fork();
  mode_lock.release();
}

void after_fork_in_parent() {
  after_fork(false);
}
void after_fork_in_child() {
  after_fork(true);
}

/// Once. Before main at the latest: a fork that is under way when the handlers are registered goes
/// without them, and its child would inherit the locks of threads that it does not have.
[[gnu::constructor(101)]] void prepare() {
  if (!prepared.exchange(true, std::memory_order_acq_rel)) {
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  }
}

Mode mode_when_on() {
  return current_callback.load(std::memory_order_relaxed) != nullptr ? Mode::observed
                                                                     : Mode::tracking;
}

void count(const Entry& entry, bool allocation) {
  if (ThreadBlock* const mine = thread_state.block; mine == nullptr) {
    count_without_block(entry.component, entry.size, allocation);
  } else if (allocation) {
    mine->cells[entry.component].count_allocation(entry.size);
  } else {
    mine->cells[entry.component].count_free(entry.size);
  }
  if (entry.run != 0) {
    count_in_run(entry.run, entry.size, allocation);
  }
}

bool ensure_block() {
  if (thread_state.block != nullptr) {
    return true;
  }
  const Busy busy;
  return join_thread();
}

std::size_t further(const shadow::Word& word) {
  return word.load(std::memory_order_relaxed) & shadow::value_mask;
}

void set_further(shadow::Word& word, std::size_t value) {
  word.store((static_cast<std::uint32_t>(value) & shadow::value_mask) | shadow::further_bit,
             std::memory_order_relaxed);
}

Entry read_entry(const shadow::Word* word, std::uint32_t value) {
  const std::uint32_t owner = word[1].load(std::memory_order_relaxed);
  Entry entry{(value & shadow::value_mask) - 2, component_of(owner),
              (value & shadow::sampled_bit) != 0, run_of(owner)};
  if ((value & shadow::value_mask) == shadow::giant) {
    entry.size = further(word[3]) << shadow::value_bits | further(word[2]);
  }
  return entry;
}

void write_entry(shadow::Word* word, const Entry& entry) {
  std::uint32_t value = static_cast<std::uint32_t>(entry.size) + 2;
  if (entry.size > shadow::plain_size_max) {
    value = shadow::giant;
    set_further(word[2], entry.size);
    set_further(word[3], entry.size >> shadow::value_bits);
  }
  set_further(word[1], owner_of(entry.component, entry.run));
  word->store(value | (entry.sampled || entry.run != 0 ? shadow::sampled_bit : 0),
              std::memory_order_release);
}

bool write(void* block, const Entry& entry) {
  if (shadow::Word* const word = shadow::find_or_map(block); word != nullptr) {
    write_entry(word, entry);
    return true;
  }
  return fallback::insert(block, entry);
}

/// Takes a block off the books, wherever it stands. The block's entry is the caller's alone then.
bool take(void* block, Entry& entry) {
  if (ThreadBlock* const mine = thread_state.block; mine != nullptr) {
    mine->freeing.store(block, std::memory_order_release);
  }
  if (shadow::Word* const word = shadow::find(block);
      word != nullptr && shadow::is_live(word->load(std::memory_order_relaxed))) {
    const std::uint32_t value = word->exchange(shadow::gone, std::memory_order_acq_rel);
    if (shadow::is_live(value)) {
      entry = read_entry(word, value);
      return true;
    }
  }
  if (fallback::take(block, entry)) {
    return true;
  }
  settle();
  return false;
}

/// The block was noted while accounting was off.
bool take_older(void* block) {
  shadow::Word* const word = shadow::find(block);
  std::uint32_t expected = shadow::older;
  return word != nullptr &&
         word->compare_exchange_strong(expected, shadow::gone, std::memory_order_acq_rel);
}

bool take_unrecorded() {
  std::uint64_t freed = unrecorded_freed.load(std::memory_order_relaxed);
  while (freed < books.unrecorded.load(std::memory_order_relaxed)) {
    if (unrecorded_freed.compare_exchange_weak(freed, freed + 1, std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

enum class Stranger { older, foreign, freed };

/// What a block is that is not on the books.
Stranger identify(void* block, Reuse reuse) {
  if (take_older(block)) {
    return Stranger::older;
  }
  const shadow::Word* const word = shadow::find(block);
  const bool was_ours = word != nullptr && word->load(std::memory_order_acquire) != shadow::never;
  if (was_ours) {
    return reuse == Reuse::impossible || is_being_freed(block) || is_certainly_free(block)
               ? Stranger::freed
               : Stranger::foreign;
  }
  return dormant_blocks.load(std::memory_order_relaxed) || take_unrecorded() ? Stranger::older
                                                                             : Stranger::foreign;
}

Fate dismiss(void* block, const void* caller, Reuse reuse) {
  switch (identify(block, reuse)) {
    case Stranger::older:
      books.older_frees.fetch_add(1, std::memory_order_relaxed);
      break;
    case Stranger::foreign:
      note_untracked(memtrack_foreign_free, block, caller);
      return Fate::pass_on;
    case Stranger::freed:
      note_untracked(memtrack_double_free, block, caller);
      return Fate::refuse;
  }
  return Fate::release;
}

void remove(void* block, const Entry& entry) {
  if (entry.sampled) {
    sampler::drop(block);
  }
  count(entry, false);
}

}  // namespace

Mode begin_mode(Mode seen) noexcept {
  if (seen == Mode::starting) {
    current_mode.compare_exchange_strong(seen, mode_when_on(), std::memory_order_acq_rel);
    prepare();
  } else if (seen == Mode::dormant_unused) {
    dormant_blocks.store(true, std::memory_order_relaxed);
    current_mode.compare_exchange_strong(seen, Mode::dormant, std::memory_order_acq_rel);
  }
  return mode();
}

void set_enabled(bool on) noexcept {
  const Locked locked(mode_lock);
  Mode seen = mode();
  Mode next{};
  do {
    if (on) {
      next = seen == Mode::paused                                    ? mode_when_on()
             : seen == Mode::dormant || seen == Mode::dormant_unused ? Mode::starting
                                                                     : seen;
    } else {
      next = seen == Mode::tracking || seen == Mode::observed ? Mode::paused
             : seen == Mode::starting                         ? Mode::dormant_unused
                                                              : seen;
    }
  } while (!current_mode.compare_exchange_weak(seen, next, std::memory_order_acq_rel));
  books.disabled.store(!on, std::memory_order_relaxed);
}

void set_callback(memtrack_callback callback) noexcept {
  const Locked locked(mode_lock);
  current_callback.store(callback, std::memory_order_release);
  for (Mode seen = mode(); seen == Mode::tracking || seen == Mode::observed;) {
    if (current_mode.compare_exchange_weak(seen, mode_when_on(), std::memory_order_acq_rel)) {
      break;
    }
  }
}

memtrack_callback callback() noexcept {
  return current_callback.load(std::memory_order_acquire);
}

void notify(void* block, std::size_t size, memtrack_op op) noexcept {
  const memtrack_callback observer = callback();
  if (observer != nullptr && !thread_state.busy) {
    const Busy busy;
    observer(block, size, op);
  }
}

void record_slowly(void* block, std::size_t size, const void* caller) noexcept {
  ThreadState& thread = thread_state;
  Entry entry{size, thread.component, false, thread.run};
  if (thread.run != 0) {
    thread.left = in_run;
    thread.parked_left -= static_cast<std::int64_t>(size);
  }
  Entry stale{};
  const bool joined = ensure_block();
  if (take(block, stale)) {  // it went to free() behind our back
    settle();
    remove(block, stale);
    books.freed_elsewhere.fetch_add(1, std::memory_order_relaxed);
  }
  if (bytes_left(thread) <= 0 && joined && !thread.busy) {
    const Busy busy;
    if (const std::uint64_t interval = sampler::draw(size); interval != 0) {
      entry.sampled = sampler::keep(block, size, interval, caller);
    }
  }
  if (!write(block, entry)) {
    if (entry.sampled) {
      sampler::drop(block);
    }
    books.unrecorded.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  count(entry, true);
}

Fate forget_taken(void* block, shadow::Word* word, std::uint32_t value, const void* caller,
                  Reuse reuse) noexcept {
  if (!shadow::is_live(value)) {  // another thread was faster
    settle();
    return dismiss(block, caller, reuse);
  }
  remove(block, read_entry(word, value));
  return Fate::release;
}

Fate forget_slowly(void* block, const void* caller, Reuse reuse) noexcept {
  ensure_block();
  Entry entry{};
  if (take(block, entry)) {
    remove(block, entry);
    return Fate::release;
  }
  return dismiss(block, caller, reuse);
}

Moving begin_move(void* block, const void* caller, Reuse reuse) noexcept {
  ensure_block();
  Moving moving{Moving::Was::foreign, block, {}, nullptr};
  if (take(block, moving.entry)) {
    moving.was = Moving::Was::tracked;
    if (moving.entry.sampled) {
      moving.sample = sampler::drop(block);
    }
    return moving;
  }
  if (mode() == Mode::paused) {
    moving.was = take_older(block) ? Moving::Was::older : Moving::Was::foreign;
    return moving;
  }
  switch (identify(block, reuse)) {
    case Stranger::older:
      moving.was = Moving::Was::older;
      break;
    case Stranger::foreign:
      break;
    case Stranger::freed:
      note_untracked(memtrack_double_free, block, caller);
      moving.was = Moving::Was::freed;
      break;
  }
  return moving;
}

void cancel_move(const Moving& moving) noexcept {
  if (moving.was == Moving::Was::tracked) {
    Entry entry = moving.entry;
    entry.sampled = entry.sampled && sampler::restore(moving.block, moving.sample);
    write(moving.block, entry);
  } else if (moving.was == Moving::Was::older) {
    note_older(moving.block);
  }
  settle();
}

void finish_move(const Moving& moving, void* to, std::size_t size, const void* caller) noexcept {
  settle();
  switch (moving.was) {
    case Moving::Was::tracked:
      count(moving.entry, false);
      break;
    case Moving::Was::older:
      books.older_frees.fetch_add(1, std::memory_order_relaxed);
      break;
    case Moving::Was::foreign:
      note_untracked(memtrack_foreign_free, moving.block, caller);
      break;
    case Moving::Was::freed:
      break;
  }
  record(to, size, caller);
}

void finish_move_while_paused(const Moving& moving, void* to) noexcept {
  settle();
  if (moving.was == Moving::Was::tracked) {
    count(moving.entry, false);
  }
  note_older(to);
}

bool is_on_books(const void* block) noexcept {
  if (const shadow::Word* const word = shadow::find(block); word != nullptr) {
    const std::uint32_t value = word->load(std::memory_order_relaxed);
    if (shadow::is_live(value) || value == shadow::older) {
      return true;
    }
  }
  return fallback::has(block);
}

void note_older(void* block) noexcept {
  ensure_block();
  Entry stale{};
  if (take(block, stale)) {
    settle();
    remove(block, stale);
    books.freed_elsewhere.fetch_add(1, std::memory_order_relaxed);
  }
  if (shadow::Word* const word = shadow::find_or_map(block); word != nullptr) {
    word->store(shadow::older, std::memory_order_release);
  } else {
    books.unrecorded.fetch_add(1, std::memory_order_relaxed);
  }
}

void forget_while_paused(void* block) noexcept {
  ensure_block();
  Entry entry{};
  if (take(block, entry)) {
    remove(block, entry);
  } else if (!take_older(block)) {
    take_unrecorded();
  }
}

memtrack_counters total_counters() noexcept {
  const memtrack_component components = memtrack_component_count();
  std::uint64_t untracked = 0;
  for (memtrack_component id = 0; id < components; ++id) {
    untracked += untracked_frees(id);
  }
  memtrack_counters total = sum_counters(0, components);
  total.untracked_frees = untracked;
  return total;
}

memtrack_counters component_counters(memtrack_component component) noexcept {
  memtrack_counters counters = sum_counters(component, component + 1);
  counters.untracked_frees = untracked_frees(component);
  return counters;
}

memtrack_health health() noexcept {
  memtrack_health health{};
  health.mapped_bytes = mapped_bytes();
  health.double_frees = double_frees();
  health.older_frees = books.older_frees.load(std::memory_order_relaxed);
  health.freed_elsewhere = books.freed_elsewhere.load(std::memory_order_relaxed);
  health.unrecorded = books.unrecorded.load(std::memory_order_relaxed);
  health.samples = sampler::samples();
  health.lost_samples = sampler::lost_samples();
  return health;
}

}  // namespace heapwatch::memtrack
