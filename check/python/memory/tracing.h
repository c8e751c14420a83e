// What the hooks on CPython's allocators and the tracer share. Private to the tracer.
#pragma once

#include <Python.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "check/python/memory/allocation_tracer.h"
#include "check/python/memory/block_table.h"
#include "check/python/memory/call_stacks.h"
#include "check/python/memory/free_list_books.h"
#include "check/python/memory/memory_domains.h"

namespace heapwatch::check::python::memory {

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

/// The one of the process.
State& state();
/// The same from the first tracing on, without the guard of a static variable.
extern State* hooked;

// Static room, as the hooks run too often for a call per access.
#define HEAPWATCH_STATIC_TLS __attribute__((tls_model("initial-exec")))
HEAPWATCH_STATIC_TLS extern constinit thread_local bool inside;
HEAPWATCH_STATIC_TLS extern constinit thread_local std::uint32_t current_import;
HEAPWATCH_STATIC_TLS extern constinit thread_local bool own_work;

/// While it lives, what the thread allocates is not traced: CPython's allocators call on one
/// another, and the books allocate too.
class Inside {
 public:
  Inside() noexcept { inside = true; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() { inside = false; }
};

}  // namespace heapwatch::check::python::memory
