#include "memtrack/run.h"

#include <atomic>
#include <limits>

#include "memtrack/lock.h"

namespace heapwatch::memtrack {

namespace {

struct Slot {
  std::atomic<std::uint32_t> run;  // 0: free
  std::atomic<std::uint64_t> alive_bytes;
};

constexpr std::uint32_t run_max = std::numeric_limits<std::uint32_t>::max() >> component_bits;

constinit Lock lock;
constinit Slot slots[memtrack_runs_max]{};
constinit std::uint32_t last_run = 0;

Slot& slot_of(std::uint32_t run) {
  return slots[run % memtrack_runs_max];
}

/// A number whose slot is free; 0 when there is none.
std::uint32_t next_run() {
  for (int tries = 0; tries < memtrack_runs_max; ++tries) {
    last_run = last_run == run_max ? 1 : last_run + 1;
    if (slot_of(last_run).run.load(std::memory_order_relaxed) == 0) {
      return last_run;
    }
  }
  return 0;
}

}  // namespace

void count_in_run(std::uint32_t run, std::uint64_t bytes, bool allocation) noexcept {
  Slot& slot = slot_of(run);
  if (slot.run.load(std::memory_order_acquire) == run) {
    slot.alive_bytes.fetch_add(allocation ? bytes : 0 - bytes, std::memory_order_relaxed);
  }
}

void runs_before_fork() noexcept {
  lock.acquire();
}

void runs_after_fork() noexcept {
  lock.release();
}

}  // namespace heapwatch::memtrack

namespace memtrack = heapwatch::memtrack;

memtrack_component memtrack_run_begin(memtrack_component component) noexcept {
  const memtrack::Locked locked(memtrack::lock);
  const std::uint32_t run = memtrack::next_run();
  if (run != 0) {
    memtrack::slot_of(run).alive_bytes.store(0, std::memory_order_relaxed);
    memtrack::slot_of(run).run.store(run, std::memory_order_release);
  }
  return memtrack::owner_of(memtrack::component_of(component), run);
}

uint64_t memtrack_run_end(memtrack_component run) noexcept {
  const std::uint32_t number = memtrack::run_of(run);
  if (number == 0) {
    return 0;
  }
  const memtrack::Locked locked(memtrack::lock);
  memtrack::Slot& slot = memtrack::slot_of(number);
  if (slot.run.load(std::memory_order_relaxed) != number) {
    return 0;
  }
  const std::uint64_t alive = slot.alive_bytes.load(std::memory_order_relaxed);
  slot.run.store(0, std::memory_order_release);
  return alive;
}
