#include "memtrack/tracker.h"

#include <pthread.h>

#include "memtrack/books.h"
#include "memtrack/component.h"
#include "memtrack/fallback.h"
#include "memtrack/give_up.h"
#include "memtrack/interpreter.h"
#include "memtrack/lock.h"
#include "memtrack/mappings.h"
#include "memtrack/pages.h"
#include "memtrack/run.h"
#include "memtrack/untracked.h"

namespace heapwatch::memtrack {

namespace {

constinit Lock mode_lock;
constinit std::atomic<memtrack_callback> current_callback{nullptr};
constinit std::atomic<bool> prepared{false};
constinit std::atomic<bool> dormant_blocks{false};  // allocated in dormant mode, known to nobody
constinit std::atomic<std::uint64_t> unrecorded_freed{0};
constinit std::atomic<bool> has_other_sources{false};
constinit bool has_started = false;

/// All but those of the books themselves.
void acquire_locks() {
  mode_lock.acquire();
  components_before_fork();
  runs_before_fork();
  untracked_before_fork();
  fallback::before_fork();
  sampler::before_fork();
  interpreter::before_fork();
  mappings_before_fork();
  thread_blocks_before_fork();
}

void release_locks(bool child) {
  thread_blocks_after_fork(child);
  mappings_after_fork();
  interpreter::after_fork();
  sampler::after_fork();
  fallback::after_fork();
  untracked_after_fork();
  runs_after_fork();
  components_after_fork();
  mode_lock.release();
}

void before_fork() {
  acquire_locks();
  books_before_fork();
}

void after_fork_in_parent() {
  books_after_fork(false);
  release_locks(false);
}
void after_fork_in_child() {
  books_after_fork(true);
  release_locks(true);
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

/// The first block comes. When there were others before a time in which nothing was noted, nobody
/// knows which of them are left, and all are given up.
void start() {
  const Locked locked(mode_lock);
  if (Mode seen = mode(); seen == Mode::starting) {
    if (has_started) {
      give_up_all();
    }
    has_started = true;
    books.mode.compare_exchange_strong(seen, mode_when_on(), std::memory_order_acq_rel);
  }
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

/// `word`: without the half.
Entry read_entry(const void* block, const shadow::Word* at, unsigned word) {
  if (shadow::is_plain(word)) {
    return {shadow::plain_size(at, word), 0, false, 0};
  }
  if (word == shadow::sampled) {
    const Record* const record = sampler::find(block);
    // It has none when all blocks are being given up.
    return record == nullptr ? Entry{} : Entry{record->size, record->component, true, 0};
  }
  if (word == shadow::spread) {
    const shadow::Spread spread = shadow::read_spread(at);
    return {spread.size, spread.component, false, 0};
  }
  const shadow::Detail& detail = shadow::detail_of(block);
  const std::uint32_t owner = detail.owner.load(std::memory_order_relaxed);
  return {detail.size.load(std::memory_order_relaxed), component_of(owner),
          detail.sampled.load(std::memory_order_relaxed), run_of(owner)};
}

bool write(void* block, const Entry& entry) {
  shadow::Word* const at = shadow::find_or_map(block);
  if (at == nullptr) {
    return fallback::insert(block, entry);
  }
  if (entry.sampled && entry.run == 0) {
    shadow::write(at, block, shadow::sampled);
  } else if (entry.run == 0 && entry.component == 0 && entry.size <= shadow::plain_size_max) {
    shadow::write_plain(at, block, entry.size);
  } else if (entry.run == 0 && shadow::can_spread(entry.size)) {
    static_assert(memtrack_components_max <= 1U << shadow::spread_component_bits);
    shadow::write_spread(at, block, {entry.size, entry.component});
  } else {
    shadow::Detail& detail = shadow::detail_of(block);
    detail.size.store(entry.size, std::memory_order_relaxed);
    detail.owner.store(owner_of(entry.component, entry.run), std::memory_order_relaxed);
    detail.sampled.store(entry.sampled, std::memory_order_relaxed);
    shadow::write(at, block, shadow::detailed);
  }
  return true;
}

/// Takes a block off the books, wherever it stands. The block's entry is the caller's alone then.
bool take(void* block, Entry& entry) {
  if (ThreadBlock* const thread = thread_state.block; thread != nullptr) {
    thread->freeing.store(block, std::memory_order_release);
  }
  if (shadow::Word* const at = shadow::find(block); at != nullptr) {
    const std::uint16_t word = at->load(std::memory_order_relaxed);
    const unsigned mine = word ^ shadow::half_of(block);
    if (shadow::is_live(mine) && shadow::take(*at, word)) {
      entry = read_entry(block, at, mine);
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
  shadow::Word* const at = shadow::find(block);
  auto expected = static_cast<std::uint16_t>(shadow::older | shadow::half_of(block));
  return at != nullptr &&
         at->compare_exchange_strong(expected, shadow::gone, std::memory_order_acq_rel);
}

void remove(void* block, const Entry& entry) {
  if (entry.sampled) {
    sampler::drop(block, live::End::freed);
  }
  count(entry, false);
}

/// Takes what stands where a new block begins: it went to free() behind our back.
void take_stale(void* block) {
  const shadow::Word* const at = shadow::find(block);
  if ((at == nullptr || !shadow::is_taken(at->load(std::memory_order_relaxed))) &&
      !fallback::has(block)) {
    return;
  }
  constexpr std::uintptr_t half = std::uintptr_t{1} << shadow::alignment_bits;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address to look up, not an object
  void* const other = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(block) ^ half);
  for (void* const stale : {block, other}) {
    if (Entry entry{}; take(stale, entry)) {
      settle();
      remove(stale, entry);
      books.freed_elsewhere.fetch_add(1, std::memory_order_relaxed);
    }
  }
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
  const shadow::Word* const at = shadow::find(block);
  if (at != nullptr && !has_other_sources.load(std::memory_order_relaxed) &&
      shadow::may_be_former(at->load(std::memory_order_acquire), shadow::half_of(block))) {
    return reuse == Reuse::impossible || is_being_freed(block) || is_certainly_free(block)
               ? Stranger::freed
               : Stranger::foreign;
  }
  return dormant_blocks.load(std::memory_order_relaxed) || take_unrecorded() ? Stranger::older
                                                                             : Stranger::foreign;
}

std::size_t bytes_of_older(void* block) {
  return usable_bytes == nullptr ? 0 : usable_bytes(block);
}

void count_older_free(std::size_t bytes) {
  ++thread_state.older_frees;
  books.older_frees.fetch_add(1, std::memory_order_relaxed);
  books.older_freed_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

Fate dismiss(void* block, const void* caller, Reuse reuse) {
  switch (identify(block, reuse)) {
    case Stranger::older:
      count_older_free(bytes_of_older(block));
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

}  // namespace

void do_while_nothing_is_noted(void (*act)()) noexcept {
  acquire_locks();
  do_between_forks(act);
  release_locks(false);
}

Mode begin_mode(Mode seen) noexcept {
  if (seen == Mode::starting) {
    start();
    prepare();
    if (accounting_begins != nullptr) {
      const Busy busy;
      accounting_begins();
    }
  } else if (seen == Mode::dormant_unused) {
    dormant_blocks.store(true, std::memory_order_relaxed);
    books.mode.compare_exchange_strong(seen, Mode::dormant, std::memory_order_acq_rel);
  }
  return mode();
}

void expect_other_sources() noexcept {
  has_other_sources.store(true, std::memory_order_relaxed);
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
  } while (!books.mode.compare_exchange_weak(seen, next, std::memory_order_acq_rel));
  books.disabled.store(!on, std::memory_order_relaxed);
}

void go_dormant() noexcept {
  const Locked locked(mode_lock);
  dormant_blocks.store(true, std::memory_order_relaxed);
  books.mode.store(Mode::dormant, std::memory_order_release);
  books.disabled.store(true, std::memory_order_relaxed);
}

void set_callback(memtrack_callback callback) noexcept {
  const Locked locked(mode_lock);
  current_callback.store(callback, std::memory_order_release);
  for (Mode seen = mode(); seen == Mode::tracking || seen == Mode::observed;) {
    if (books.mode.compare_exchange_weak(seen, mode_when_on(), std::memory_order_acq_rel)) {
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

void* record_slowly(void* block, std::size_t size, const void* caller) noexcept {
  const ThreadState& thread = thread_state;
  Entry entry{size, component_of(thread.owner), false, run_of(thread.owner)};
  const bool joined = ensure_block();
  take_stale(block);
  if (joined && sampler::is_due(size) && !thread.busy) {
    const Busy busy;
    if (const std::uint64_t interval = sampler::draw(size); interval != 0) {
      entry.sampled = sampler::keep(block, size, interval, caller);
    }
  }
  if (!write(block, entry)) {
    if (entry.sampled) {
      sampler::drop(block, live::End::freed);
    }
    books.unrecorded.fetch_add(1, std::memory_order_relaxed);
    return block;
  }
  count(entry, true);
  return block;
}

Fate forget_slowly(void* block, const void* caller, Reuse reuse) noexcept {
  if (block == nullptr) {
    return Fate::refuse;
  }
  ensure_block();
  Entry entry{};
  if (take(block, entry)) {
    if (reuse == Reuse::impossible) {
      settle();
    }
    remove(block, entry);
    return Fate::release;
  }
  return dismiss(block, caller, reuse);
}

Moving begin_move(void* block, const void* caller, Reuse reuse) noexcept {
  ensure_block();
  Moving moving{Moving::Was::foreign, block, {}, {}};
  if (take(block, moving.entry)) {
    moving.was = Moving::Was::tracked;
    if (moving.entry.sampled) {
      moving.sample = sampler::drop(block, live::End::moved);
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
      moving.entry.size = bytes_of_older(block);
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
      count_older_free(moving.entry.size);
      break;
    case Moving::Was::foreign:
      note_untracked(memtrack_foreign_free, moving.block, caller);
      break;
    case Moving::Was::freed:
      break;
  }
  record(to, size, caller, Reuse::possible);
}

bool recharge(void* block, memtrack_component from, memtrack_component to) noexcept {
  ensure_block();
  Entry entry{};
  if (!take(block, entry)) {
    return false;
  }
  settle();
  if (entry.component == from) {
    count(entry, false);
    entry.component = to;
    entry.run = 0;
    count(entry, true);
    entry.sampled = entry.sampled && sampler::recharge(block, to);
  }
  if (!write(block, entry)) {
    books.unrecorded.fetch_add(1, std::memory_order_relaxed);
  }
  return entry.component == to;
}

void finish_move_elsewhere(const Moving& moving) noexcept {
  settle();
  if (moving.was == Moving::Was::tracked) {
    count(moving.entry, false);
  }
}

void finish_move_while_paused(const Moving& moving, void* to) noexcept {
  finish_move_elsewhere(moving);
  note_older(to);
}

bool is_on_books(const void* block) noexcept {
  if (const shadow::Word* const at = shadow::find(block); at != nullptr) {
    const unsigned word = at->load(std::memory_order_relaxed) ^ shadow::half_of(block);
    if (word == shadow::older || shadow::is_live(word)) {
      return true;
    }
  }
  return fallback::has(block);
}

void note_older(void* block) noexcept {
  ensure_block();
  take_stale(block);
  if (shadow::Word* const at = shadow::find_or_map(block); at != nullptr) {
    shadow::write(at, block, shadow::older);
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
  health.older_freed_bytes = books.older_freed_bytes.load(std::memory_order_relaxed);
  health.freed_elsewhere = books.freed_elsewhere.load(std::memory_order_relaxed);
  health.unrecorded = books.unrecorded.load(std::memory_order_relaxed);
  health.samples = sampler::samples();
  health.lost_samples = sampler::lost_samples();
  return health;
}

}  // namespace heapwatch::memtrack
