#include "check/python/memory/allocation_tracer.h"

#include <mutex>
#include <utility>

#include "check/python/memory/allocation_hooks.h"
#include "check/python/memory/native_domain.h"
#include "check/python/memory/sampled_heap.h"
#include "check/python/memory/tracing.h"

namespace heapwatch::check::python::memory {

State& state() {
  static State* const instance = new State;  // hooks may run to the end of the process
  return *instance;
}

State* hooked = nullptr;
constinit thread_local bool inside = false;
constinit thread_local std::uint32_t current_import = 0;
constinit thread_local bool own_work = false;

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
  heapwatch::check::python::memory::note_tracked_in_books(block, bytes);
}

extern "C" void heapwatch_forget_tracked(unsigned int domain, uintptr_t block) {
  heapwatch::check::python::memory::AllocationTracer::forget_tracked(domain, block);
  heapwatch::check::python::memory::forget_tracked_in_books(block);
}
