#define Py_BUILD_CORE 1  // for the frames as they run: a frame object for each block costs too much
#include "check/python/memory/allocation_tracer.h"

#include <internal/pycore_frame.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <limits>
#include <mutex>
#include <optional>

#include "check/python/memory/free_list_books.h"
#include "check/python/memory/native_domain.h"
#include "check/python/memory/running_text.h"

#if PY_VERSION_HEX < 0x030B0000 || PY_VERSION_HEX >= 0x030C0000
#error "the layout of running frames is that of CPython 3.11"
#endif

namespace heapwatch::check::python::memory {

namespace {

enum class Mode : int { off, tracing, probing };

/// For blocks of the domain RAW, which come and go without the GIL.
class SpinLock {
 public:
  void lock() noexcept {
    while (taken_.test_and_set(std::memory_order_acquire)) {
      taken_.wait(true, std::memory_order_relaxed);
    }
  }
  void unlock() noexcept {
    taken_.clear(std::memory_order_release);
    taken_.notify_one();
  }

 private:
  std::atomic_flag taken_;
};

struct Tracing {
  std::size_t frames = 1;
  bool hooks_lost = false;
  // Under the GIL: what the domains MEM and OBJ hold.
  BlockTable blocks;
  FreeListBooks free_lists;
  std::uintptr_t newborn = 0;      // a block that may hold an object of a kind with a free list
  bool newborn_passed_by = false;  // which the free list did not serve
  const int* free_floats = nullptr;
  const void* freed_unknown = nullptr;  // the last block that was freed and not on the books
  CallStacks stacks;
  std::vector<RunningFrame> walk;
  std::vector<const void*> new_code;
  // Under `lock`: the domain RAW, our own modules, and what extensions track.
  BlockTable raw_blocks;
  BlockTable tracked_blocks;
  MemoryDomains domains;
  std::map<AllocationTracer::TextSite, std::uint32_t> text_sites;
  std::vector<const AllocationTracer::TextSite*> text_site_by_id;
  std::map<CallStacks::Id, AllocationTracer::NativeCalls> native_calls;
};

constexpr std::uint32_t runs_mask = AllocationTracer::runs_max;        // as wide as Block::run
constexpr std::uint32_t domain_mask = MemoryDomains::domains_max - 1;  // as wide as Block::domain
constexpr std::size_t text_sites_max = 65'536;
/// Ids of text sites, in Block::stack.
constexpr std::uint32_t text_flag = 1U << 31U;

struct State {
  std::atomic<Mode> mode{Mode::off};
  std::atomic<std::uint32_t> run{0};
  std::atomic<std::uint64_t> lost{0};
  std::array<int, 3> probe_hits{};
  std::array<PyMemAllocatorEx, 3> next{};  // whom the hooks call on, by domain
  SpinLock lock;
  Tracing tracing;
};

State& state() {
  static State* const instance = new State;  // hooks may run to the end of the process
  return *instance;
}
State* hooked = nullptr;  // the same, without the guard of a static variable

// Static room, as the hooks run too often for a call per access.
__attribute__((tls_model("initial-exec"))) thread_local bool inside = false;
__attribute__((tls_model("initial-exec"))) thread_local std::uint32_t current_import = 0;
__attribute__((tls_model("initial-exec"))) thread_local bool own_work = false;

/// While it lives, what the thread allocates is not traced: CPython's allocators call on one
/// another, and the books allocate too.
class Inside {
 public:
  Inside() noexcept { inside = true; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() { inside = false; }
};

_PyInterpreterFrame* complete(_PyInterpreterFrame* frame) {
  while (frame != nullptr && _PyFrame_IsIncomplete(frame)) {
    frame = frame->previous;
  }
  return frame;
}

_PyInterpreterFrame* innermost_frame(const PyThreadState* thread) {
  return thread == nullptr || thread->cframe == nullptr ? nullptr
                                                        : complete(thread->cframe->current_frame);
}

/// Of the thread that holds the GIL, which is this one.
CallStacks::Id running_stack(Tracing& tracing) noexcept {
  _PyInterpreterFrame* frame = innermost_frame(_PyThreadState_UncheckedGet());
  if (frame == nullptr) {
    return CallStacks::unknown;
  }
  try {
    tracing.new_code.clear();
    CallStacks::Id stack = CallStacks::unknown;
    if (tracing.frames == 1) {
      const RunningFrame running{.instruction = frame->prev_instr, .code = frame->f_code};
      stack = tracing.stacks.add({&running, 1}, 1, current_import, tracing.new_code);
    } else {
      tracing.walk.clear();
      std::uint32_t total = 0;
      for (; frame != nullptr; frame = complete(frame->previous)) {
        if (tracing.walk.size() < tracing.frames) {
          tracing.walk.push_back({.instruction = frame->prev_instr, .code = frame->f_code});
        }
        total += total < std::numeric_limits<std::uint16_t>::max() ? 1 : 0;
      }
      stack = tracing.stacks.add(tracing.walk, total, current_import, tracing.new_code);
    }
    for (const void* const code : tracing.new_code) {
      const auto address = reinterpret_cast<std::uintptr_t>(code);
      if (Block* const known = tracing.blocks.find(address); known != nullptr) {
        known->is_code = 1;
      } else if (!tracing.blocks.put({.address = address, .is_code = 1})) {
        tracing.stacks.forget_code(code);
      }
    }
    return stack;
  } catch (const std::bad_alloc&) {
    return CallStacks::unknown;
  }
}

/// Of this thread, which does not hold the GIL: its frames stand still, since only it runs them,
/// but nothing may be referred to.
std::uint32_t running_text_site(Tracing& tracing) noexcept {
  _PyInterpreterFrame* const frame = innermost_frame(PyGILState_GetThisThreadState());
  if (frame == nullptr) {
    return CallStacks::unknown;
  }
  try {
    const int offset = _PyInterpreterFrame_LASTI(frame) * static_cast<int>(sizeof(_Py_CODEUNIT));
    const int line = PyCode_Addr2Line(frame->f_code, offset);
    AllocationTracer::TextSite site{running_text(frame->f_code->co_filename), line < 0 ? 0 : line};
    const auto known = tracing.text_sites.find(site);
    if (known != tracing.text_sites.end()) {
      return known->second;
    }
    if (tracing.text_sites.size() >= text_sites_max) {
      return CallStacks::unknown;
    }
    const auto id = static_cast<std::uint32_t>(tracing.text_site_by_id.size()) | text_flag;
    tracing.text_site_by_id.push_back(
        &tracing.text_sites.emplace(std::move(site), id).first->first);
    return id;
  } catch (const std::bad_alloc&) {
    return CallStacks::unknown;
  }
}

bool holds_gil() {
  PyThreadState* const mine = PyGILState_GetThisThreadState();
  return mine != nullptr && _PyThreadState_UncheckedGet() == mine;
}

void note_death(const void* block, int kind) noexcept;

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

/// By now it is known what the last block was asked for.
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

/// What has to be done before the next block comes or goes.
inline void catch_up(Tracing& tracing) noexcept {
  if (tracing.newborn != 0) {
    settle_newborn(tracing);
  }
  if (*tracing.free_floats != heapwatch_floats_max) {
    suspend_again(tracing);
  }
}

/// The object in a block that was not on the books died.
void note_death(const void* block, int kind) noexcept {
  Tracing& tracing = hooked->tracing;
  if (block == std::exchange(tracing.freed_unknown, nullptr) && in_run()) {
    tracing.free_lists.keep(kind, Block{});
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

/// What comes and goes without the GIL: of the domain RAW and of those that are not CPython's.
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

/// Which domains reach our hooks now. Someone who puts back what was there before ours takes ours
/// away without a word.
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

}  // namespace

AllocationTracer& AllocationTracer::instance() {
  static AllocationTracer* const instance = new AllocationTracer;
  return *instance;
}

bool AllocationTracer::start(std::size_t frames) {
  State& self = state();
  if (is_active()) {
    return false;
  }
  clear();
  install_missing(self);
  self.tracing.frames = frames;
  self.run = between_runs;
  self.lost = 0;
  self.tracing.free_floats = heapwatch_free_floats();
  self.tracing.free_lists.start(heapwatch_free_lists_suspend(note_death));
  self.mode.store(Mode::tracing, std::memory_order_release);
  return true;
}

void AllocationTracer::set_run(std::uint32_t run) {
  State& self = state();
  settle_newborn(self.tracing);
  if (run != between_runs) {
    heapwatch_free_lists_drop_tables();
    self.tracing.free_lists.clear();
  }
  self.run = run;
}

bool AllocationTracer::stop() {
  State& self = state();
  if (!is_active()) {
    return !self.tracing.hooks_lost;
  }
  settle_newborn(self.tracing);
  self.mode.store(Mode::off, std::memory_order_release);
  heapwatch_free_lists_resume();
  { const std::scoped_lock drained(self.lock); }  // hooks that saw the tracing are through
  for (const bool in_place : hooks_in_place(self)) {
    self.tracing.hooks_lost = self.tracing.hooks_lost || !in_place;
  }
  return !self.tracing.hooks_lost;
}

void AllocationTracer::clear() {
  if (is_active()) {
    return;
  }
  Tracing old;
  {
    const std::scoped_lock locked(state().lock);
    std::swap(old, state().tracing);
  }
}

bool AllocationTracer::is_active() const {
  return state().mode.load(std::memory_order_relaxed) == Mode::tracing;
}

std::vector<Block> AllocationTracer::held(bool with_free_lists) const {
  State& self = state();
  std::vector<Block> all;
  all.reserve(self.tracing.blocks.size());
  const auto add = [&](const Block& block) {
    if (block.counted != 0) {
      all.push_back(block);
    }
  };
  if (self.tracing.newborn != 0) {
    settle_newborn(self.tracing);
  }
  self.tracing.blocks.for_each(add);
  if (with_free_lists) {
    self.tracing.free_lists.for_each(add);
  }
  const std::scoped_lock locked(self.lock);
  self.tracing.raw_blocks.for_each(add);
  self.tracing.tracked_blocks.for_each([&](const Block& block) {
    if (self.tracing.raw_blocks.find(block.address) == nullptr &&
        self.tracing.blocks.find(block.address) == nullptr) {
      add(block);
    }
  });
  return all;
}

const AllocationTracer::TextSite* AllocationTracer::text_site(CallStacks::Id stack) const {
  State& self = state();
  const std::scoped_lock locked(self.lock);
  return (stack & text_flag) != 0 ? self.tracing.text_site_by_id.at(stack & ~text_flag) : nullptr;
}

const CallStacks& AllocationTracer::stacks() const {
  return state().tracing.stacks;
}

std::string AllocationTracer::domain_name(MemoryDomains::Index domain) const {
  State& self = state();
  const std::scoped_lock locked(self.lock);
  return self.tracing.domains.name(domain);
}

unsigned int AllocationTracer::domain_number(MemoryDomains::Index domain) const {
  State& self = state();
  const std::scoped_lock locked(self.lock);
  return self.tracing.domains.number(domain);
}

std::map<CallStacks::Id, AllocationTracer::NativeCalls> AllocationTracer::native_calls() const {
  State& self = state();
  const std::scoped_lock locked(self.lock);
  return self.tracing.native_calls;
}

std::uint64_t AllocationTracer::lost() const {
  return state().lost;
}

void AllocationTracer::note_native(const void* block, std::size_t size) noexcept {
  if (hooked == nullptr || block == nullptr || inside ||
      hooked->mode.load(std::memory_order_acquire) != Mode::tracing) {
    return;
  }
  const Inside guard;
  note_raw(*hooked, reinterpret_cast<std::uintptr_t>(block), size, heapwatch_native_domain);
}

void AllocationTracer::forget_native(const void* block) noexcept {
  if (hooked == nullptr || block == nullptr ||
      hooked->mode.load(std::memory_order_acquire) != Mode::tracing) {
    return;
  }
  Block taken;
  (void)take_raw(*hooked, block, taken);
}

void AllocationTracer::note_tracked(unsigned int domain, std::uintptr_t address,
                                    std::size_t size) noexcept {
  if (hooked == nullptr || inside ||
      hooked->mode.load(std::memory_order_acquire) != Mode::tracing) {
    return;
  }
  const Inside guard;
  note_raw(*hooked, address, size, domain);
}

void AllocationTracer::forget_tracked(unsigned int domain, std::uintptr_t address) noexcept {
  if (hooked == nullptr || hooked->mode.load(std::memory_order_acquire) != Mode::tracing) {
    return;
  }
  const std::scoped_lock locked(hooked->lock);
  Tracing& tracing = hooked->tracing;
  const Block* const known = tracing.tracked_blocks.find(address);
  Block taken;
  if (known != nullptr && tracing.domains.of(domain) == known->domain) {
    (void)tracing.tracked_blocks.take(address, taken);
  }
}

bool AllocationTracer::enter_own_work(bool is_own) noexcept {
  return std::exchange(own_work, is_own);
}

std::uint32_t AllocationTracer::enter_import(std::uint32_t import) noexcept {
  return std::exchange(current_import, import);
}

}  // namespace heapwatch::check::python::memory

extern "C" void heapwatch_note_tracked(unsigned int domain, uintptr_t block, size_t bytes) {
  heapwatch::check::python::memory::AllocationTracer::note_tracked(domain, block, bytes);
}

extern "C" void heapwatch_forget_tracked(unsigned int domain, uintptr_t block) {
  heapwatch::check::python::memory::AllocationTracer::forget_tracked(domain, block);
}
