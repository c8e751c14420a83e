#include "memtrack/untracked.h"

#include <string.h>

#include "memtrack/books.h"
#include "memtrack/glibc_heap.h"
#include "memtrack/lock.h"
#include "memtrack/mappings.h"
#include "memtrack/run.h"
#include "memtrack/thread_block.h"
#include "memtrack/unwind.h"

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the sanitizers' names
extern "C" [[gnu::weak]] int __sanitizer_get_ownership(const volatile void* block);
extern "C" [[gnu::weak]] std::size_t __sanitizer_get_allocated_size(const volatile void* block);
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace heapwatch::memtrack {

namespace {

constinit Lock sites_lock;

bool same_site(const memtrack_untracked_site& site, memtrack_untracked_kind kind,
               const std::uintptr_t* stack, std::size_t depth) {
  return site.kind == kind && site.depth == depth &&
         memcmp(site.stack, stack, depth * sizeof *stack) == 0;
}

}  // namespace

bool is_certainly_free(const void* block) noexcept {
  if (&__sanitizer_get_ownership != nullptr) {
    // The thread sanitizer owns what is free, too, but with no size. The address sanitizer may be
    // asked the second question only of what it owns.
    return __sanitizer_get_ownership(block) == 0 || __sanitizer_get_allocated_size(block) == 0;
  }
  return is_free_in_glibc(reinterpret_cast<std::uintptr_t>(block));
}

void note_untracked(memtrack_untracked_kind kind, const void* block, const void* caller) noexcept {
  const memtrack_component component = component_of(thread_state.owner);
  books.untracked[component].fetch_add(1, std::memory_order_relaxed);
  if (kind == memtrack_double_free) {
    books.double_frees.fetch_add(1, std::memory_order_relaxed);
  }
  const Busy busy;
  std::uintptr_t stack[memtrack_stack_depth_max];
  const std::size_t depth = unwind(caller, stack, memtrack_stack_depth_max);
  const Locked locked(sites_lock);
  const std::size_t site_count = books.site_count.load(std::memory_order_relaxed);
  std::size_t at = 0;
  while (at < site_count && !same_site(books.sites[at], kind, stack, depth)) {
    ++at;
  }
  if (at == memtrack_untracked_sites_max) {
    return;
  }
  memtrack_untracked_site& site = books.sites[at];
  if (at == site_count) {
    site.kind = kind;
    site.component = component;
    site.depth = static_cast<std::uint32_t>(depth);
    memcpy(site.stack, stack, depth * sizeof *stack);
    learn_mappings(stack, depth);
    books.site_count.store(site_count + 1, std::memory_order_release);
  }
  ++site.count;
  site.last = block;
}

std::uint64_t untracked_frees(memtrack_component component) noexcept {
  return books.untracked[component].load(std::memory_order_relaxed);
}

std::uint64_t double_frees() noexcept {
  return books.double_frees.load(std::memory_order_relaxed);
}

void untracked_before_fork() noexcept {
  sites_lock.acquire();
}

void untracked_after_fork() noexcept {
  sites_lock.release();
}

}  // namespace heapwatch::memtrack

size_t memtrack_untracked_sites(memtrack_untracked_site* sites, size_t capacity) noexcept {
  namespace memtrack = heapwatch::memtrack;
  const memtrack::Locked locked(memtrack::sites_lock);
  const std::size_t count = memtrack::books.site_count.load(std::memory_order_relaxed);
  if (capacity > 0) {
    memcpy(sites, memtrack::books.sites, (count < capacity ? count : capacity) * sizeof *sites);
  }
  return count;
}
