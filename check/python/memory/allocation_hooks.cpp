// The tracer's hooks: they note each block of memory that CPython gives out, and forget it when it
// is freed.
//
// CPython allocates in three domains: RAW, which any thread may use without the GIL, and MEM and
// OBJ, which are used with the GIL held. Each domain has a table of four functions that a program
// may replace. Hook<domain> is such a table. It calls the functions that were there before it, and
// notes what they did.
//
// Data. A Block is 24 bytes: address, size as asked for, the number of a stack, the run, and flags.
// Blocks lie in BlockTables, which are hash tables with open addressing:
//   blocks          domains MEM and OBJ                           under the GIL
//   raw_blocks      domain RAW, and blocks of our own modules     under State::lock
//   tracked_blocks  what extensions report (PyTraceMalloc_Track)  under State::lock
// Two locks are needed because RAW blocks come and go without the GIL. A thread that holds the GIL
// may take the lock; a thread that holds the lock never waits for the GIL. So the stack of a RAW
// block is looked up before the lock is taken (note_raw).
//
// Stacks. With the GIL a stack is a list of instruction pointers, read from the interpreter's own
// frames (running_stack.cpp). A frame object or a line table is not touched: that would allocate,
// and would cost more than the allocation itself. CallStacks gives each different list a number,
// and finds file and line when it first sees an instruction. An instruction pointer means something
// only as long as its code object lives. So the block of a code object has the flag is_code, and
// when it is freed CallStacks forgets its instructions (forget). Without the GIL only the file and
// line of the innermost frame are kept, as text: no Python object may be referred to then.
//
// Free lists. CPython keeps the memory of some freed floats, tuples, lists and dicts for the next
// object of the kind, which then comes without an allocation: the hooks would charge it to whoever
// had the memory before. So the lists are suspended while a tracing is on (free_lists.c): each such
// object is an allocation and a free. tracemalloc counts memory in free lists as held, and our
// figures are to agree with its figures. FreeListBooks therefore simulates the lists: what they
// would hold now, and whether a new object would have got memory from before the run (the flag
// `reused`). At the time of the allocation it is not known whether the block is to hold such an
// object; the object's type is written later. The block is therefore remembered as `newborn` and
// looked at when the next block comes or goes (catch_up). A full garbage collection puts the lists
// back into service without telling us; catch_up sees that the counter of the float list has
// changed, and suspends them again.
//
// Invariants.
//   - While the mode is `tracing`, a block of the three domains that was given out since the start
//   and
//     is not freed is in exactly one of blocks and raw_blocks, unless there was no memory for the
//     entry: then State::lost counts it. tracked_blocks may have the same address again.
//   - A hook never lets an allocation fail that would succeed without it, and throws nothing.
//   - What the books allocate is not traced: `inside` is set while a hook is at work on this
//   thread.
//   - realloc forgets the old block before it calls the function below: as soon as that one
//   returns,
//     another thread may be given the old address.
//   - Hooks stay in place when a tracing ends, and are idle then. Taking them out could cut off a
//   hook
//     that somebody else has placed before ours.
//
// Threads. The hooks run on all threads. start(), stop() and set_run() hold the GIL. stop() takes
// and drops State::lock once, so that a RAW hook that still saw the mode `tracing` has ended. A
// fork takes State::lock, so that the child has it free, and the child's mode is `off`.
#include "check/python/memory/allocation_hooks.h"

#include <pthread.h>

#include <new>
#include <utility>

#include "check/python/memory/native_domain.h"
#include "check/python/memory/running_stack.h"

namespace heapwatch::check::python::memory {

namespace {

constexpr std::uint32_t runs_mask = AllocationTracer::runs_max;        // as wide as Block::run
constexpr std::uint32_t domain_mask = MemoryDomains::domains_max - 1;  // as wide as Block::domain

/// Between runs the books of the free lists stand still, to be read.
bool in_run() noexcept {
  return hooked->run.load(std::memory_order_relaxed) != AllocationTracer::between_runs;
}

/// A full garbage collection empties the free lists, and brings them back into service.
void suspend_again(Tracing& tracing) noexcept {
  inside = false;  // what they hold by now is freed before our eyes
  (void)heapwatch_free_lists_suspend(note_death);
  inside = true;
  tracing.free_lists.clear();
}

/// What has to be done before the next block comes or goes.
inline void catch_up(Tracing& tracing) noexcept {
  if (tracing.newborn != 0) {
    settle_newborn(tracing);
  }
  if (*tracing.free_floats != heapwatch_floats_max) {
    suspend_again(tracing);
  }
}

/// A block of the domain MEM or OBJ goes, with whatever is in it.
void forget(Tracing& tracing, const Block& block) noexcept {
  if (block.is_object != 0 && in_run()) {
    const int kind = FreeListBooks::kind_of(block.address, block.size);
    if (kind != FreeListBooks::none) {
      tracing.free_lists.keep(kind, block);
    }
  }
  if (block.is_code != 0) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a key
    tracing.stacks.forget_code(reinterpret_cast<const void*>(block.address));
  }
}

/// `is_new`: not a block that has grown or shrunk.
void note(State& self, const void* block, std::size_t size, bool is_object, bool is_new) noexcept {
  Tracing& tracing = self.tracing;
  catch_up(tracing);
  const CallStacks::Id stack = running_stack(tracing);
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  const bool is_kept =
      tracing.blocks.put({.address = address,
                          .size = size,
                          .stack = stack,
                          .run = self.run.load(std::memory_order_relaxed) & runs_mask,
                          .counted = 1,
                          .own = own_work ? 1U : 0U,
                          .is_object = is_object ? 1U : 0U});
  self.lost.fetch_add(is_kept ? 0 : 1, std::memory_order_relaxed);
  if (is_object && is_new && FreeListBooks::prepare(address, size)) {
    tracing.newborn = address;
    tracing.newborn_passed_by = heapwatch_free_lists_passed_by() != 0;
  }
}

void put_back_raw(State& self, const Block& block) noexcept {
  const std::scoped_lock locked(self.lock);
  self.lost.fetch_add(self.tracing.raw_blocks.put(block) ? 0 : 1, std::memory_order_relaxed);
}

/// The allocator functions of one domain. `ctx` is that of the allocator below, so that a thread
/// that reads half of the old and half of the new table, as one without the GIL can, does no harm.
template <PyMemAllocatorDomain domain>
struct Hook {
  static constexpr bool raw = domain == PYMEM_DOMAIN_RAW;
  static const PyMemAllocatorEx& below() { return hooked->next[domain]; }

  static bool idle() noexcept {
    const Mode mode = hooked->mode.load(std::memory_order_acquire);
    if (mode == Mode::probing && !inside) {
      ++hooked->probe_hits[domain];
    }
    return mode != Mode::tracing || inside;
  }

  static void add(const void* block, std::size_t size, bool is_new) noexcept {
    if (block == nullptr) {
      return;
    }
    if constexpr (raw) {
      note_raw(*hooked, reinterpret_cast<std::uintptr_t>(block), size, std::nullopt);
    } else {
      note(*hooked, block, size, domain == PYMEM_DOMAIN_OBJ, is_new);
    }
  }

  static bool take(const void* block, Block& taken) noexcept {
    if constexpr (raw) {
      return take_raw(*hooked, block, taken);
    } else {
      return hooked->tracing.blocks.take(reinterpret_cast<std::uintptr_t>(block), taken);
    }
  }

  static void* malloc(void* ctx, std::size_t size) noexcept {
    if (idle()) {
      return below().malloc(ctx, size);
    }
    const Inside guard;
    void* const block = below().malloc(ctx, size);
    add(block, size, true);
    return block;
  }

  static void* calloc(void* ctx, std::size_t count, std::size_t size) noexcept {
    if (idle()) {
      return below().calloc(ctx, count, size);
    }
    const Inside guard;
    void* const block = below().calloc(ctx, count, size);
    add(block, count * size, false);
    return block;
  }

  /// The old block goes off the books first: another thread may get its address at once.
  static void* realloc(void* ctx, void* old, std::size_t size) noexcept {
    if (idle()) {
      return below().realloc(ctx, old, size);
    }
    const Inside guard;
    Block before;
    if constexpr (!raw) {
      catch_up(hooked->tracing);
    }
    const bool was_known = old != nullptr && take(old, before);
    void* const block = below().realloc(ctx, old, size);
    if (block != nullptr) {
      add(block, size, false);
    } else if (was_known) {
      if constexpr (raw) {
        put_back_raw(*hooked, before);
      } else {
        (void)hooked->tracing.blocks.put(before);  // into the room it has just left
      }
    }
    return block;
  }

  static void free(void* ctx, void* block) noexcept {
    if (idle()) {
      below().free(ctx, block);
      return;
    }
    const Inside guard;
    Block taken;
    if constexpr (raw) {
      (void)take_raw(*hooked, block, taken);
    } else {
      Tracing& tracing = hooked->tracing;
      catch_up(tracing);
      if (take(block, taken)) {
        forget(tracing, taken);
      } else {
        tracing.freed_unknown = block;
      }
    }
    below().free(ctx, block);
  }

  static void install() {
    PyMemAllocatorEx allocator{};
    PyMem_GetAllocator(domain, &allocator);
    hooked->next[domain] = allocator;
    allocator.malloc = malloc;
    allocator.calloc = calloc;
    allocator.realloc = realloc;
    allocator.free = free;
    PyMem_SetAllocator(domain, &allocator);
  }
};

}  // namespace

void note_death(const void* block, int kind) noexcept {
  Tracing& tracing = hooked->tracing;
  if (block == std::exchange(tracing.freed_unknown, nullptr) && in_run()) {
    tracing.free_lists.keep(kind, Block{});
  }
}

void settle_newborn(Tracing& tracing) noexcept {
  const std::uintptr_t address = std::exchange(tracing.newborn, 0);
  Block* const block = tracing.blocks.find(address);
  if (block == nullptr) {
    return;
  }
  const int kind = block->run == AllocationTracer::between_runs
                       ? FreeListBooks::none
                       : FreeListBooks::kind_of(address, block->size);
  if (kind != FreeListBooks::none && !tracing.newborn_passed_by &&
      tracing.free_lists.take(kind, block->run)) {
    block->reused = 1;
  }
}

void note_raw(State& self, std::uintptr_t address, std::size_t size,
              std::optional<unsigned int> domain) noexcept {
  // With the GIL the stack has to be known before the lock is taken, since what waits for the lock
  // may hold the GIL.
  const bool with_gil = holds_gil();
  CallStacks::Id stack = with_gil ? running_stack(self.tracing) : CallStacks::unknown;
  const std::scoped_lock locked(self.lock);
  if (self.mode.load(std::memory_order_relaxed) != Mode::tracing) {
    return;
  }
  if (!with_gil) {
    stack = running_text_site(self.tracing);
  }
  const MemoryDomains::Index index =
      domain ? self.tracing.domains.of(*domain) : MemoryDomains::python;
  const bool is_tracked = domain && index != MemoryDomains::native;
  BlockTable& table = is_tracked ? self.tracing.tracked_blocks : self.tracing.raw_blocks;
  const bool is_kept = table.put({.address = address,
                                  .size = size,
                                  .stack = stack,
                                  .run = self.run.load(std::memory_order_relaxed) & runs_mask,
                                  .counted = 1,
                                  .domain = index & domain_mask,
                                  .own = own_work ? 1U : 0U});
  self.lost.fetch_add(is_kept ? 0 : 1, std::memory_order_relaxed);
  if (index == MemoryDomains::native &&
      self.run.load(std::memory_order_relaxed) != AllocationTracer::between_runs) {
    try {
      AllocationTracer::NativeCalls& calls = self.tracing.native_calls[stack];
      ++calls.allocations;
      calls.bytes += size;
    } catch (const std::bad_alloc&) {
      self.lost.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

bool take_raw(State& self, const void* block, Block& taken) noexcept {
  const std::scoped_lock locked(self.lock);
  return self.tracing.raw_blocks.take(reinterpret_cast<std::uintptr_t>(block), taken);
}

std::array<bool, 3> hooks_in_place(State& self) {
  self.probe_hits = {};
  self.mode = Mode::probing;
  PyMem_RawFree(PyMem_RawMalloc(1));
  PyMem_Free(PyMem_Malloc(1));
  PyObject_Free(PyObject_Malloc(1));
  self.mode = Mode::off;
  return {self.probe_hits[PYMEM_DOMAIN_RAW] > 0, self.probe_hits[PYMEM_DOMAIN_MEM] > 0,
          self.probe_hits[PYMEM_DOMAIN_OBJ] > 0};
}

void install_missing(State& self) {
  if (hooked == nullptr) {
    hooked = &self;
    pthread_atfork([] { hooked->lock.lock(); }, [] { hooked->lock.unlock(); },
                   [] {
                     hooked->mode = Mode::off;  // a child's memory is none of the run's
                     hooked->lock.unlock();
                   });
  }
  const std::array<bool, 3> in_place = hooks_in_place(self);
  if (!in_place[PYMEM_DOMAIN_RAW]) {
    Hook<PYMEM_DOMAIN_RAW>::install();
  }
  if (!in_place[PYMEM_DOMAIN_MEM]) {
    Hook<PYMEM_DOMAIN_MEM>::install();
  }
  if (!in_place[PYMEM_DOMAIN_OBJ]) {
    Hook<PYMEM_DOMAIN_OBJ>::install();
  }
}

}  // namespace heapwatch::check::python::memory
