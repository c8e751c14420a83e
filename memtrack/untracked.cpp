#define MEMTRACK_ALLOW_RAW
#include "memtrack/untracked.h"

#include <pthread.h>
#include <string.h>

#include "memtrack/books.h"
#include "memtrack/lock.h"
#include "memtrack/mappings.h"
#include "memtrack/pages.h"
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

pthread_once_t tcache_once = PTHREAD_ONCE_INIT;
std::uintptr_t tcache_key = 0;

std::uintptr_t key_left_in(std::size_t size) {
  void* volatile block = malloc(size);
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  free(block);
  std::uintptr_t key = 0;
  return address != 0 && read_memory(address + sizeof key, &key, sizeof key) == ReadOutcome::ok
             ? key
             : 0;
}

/// glibc marks the blocks in its per-thread caches with a random key, the same for all, in their
/// second word.
void learn_tcache_key() {
  const std::uintptr_t key = key_left_in(40);
  tcache_key = key == key_left_in(72) ? key : 0;
}

/// What glibc's structures around the block say.
bool is_free_in_glibc(std::uintptr_t address) {
  constexpr std::uintptr_t previous_in_use = 1;
  constexpr std::uintptr_t mmapped = 2;
  constexpr std::uintptr_t flags = 7;
  std::uintptr_t around[4] = {};  // previous size, size and flags, first and second word
  const ReadOutcome outcome =
      read_memory(address - 2 * sizeof(std::uintptr_t), around, sizeof around);
  if (outcome != ReadOutcome::ok) {
    return outcome == ReadOutcome::unmapped;
  }
  pthread_once(&tcache_once, learn_tcache_key);
  if (tcache_key != 0 && around[3] == tcache_key) {
    return true;
  }
  const std::uintptr_t size = around[1] & ~flags;
  if ((around[1] & mmapped) != 0 || size < sizeof around || size % 16 != 0) {
    return false;
  }
  std::uintptr_t next_size = previous_in_use;
  return read_memory(address + size - sizeof next_size, &next_size, sizeof next_size) ==
             ReadOutcome::ok &&
         (next_size & previous_in_use) == 0;
}

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
