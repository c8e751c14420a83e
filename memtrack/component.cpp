#include "memtrack/component.h"

#include <string.h>

#include <atomic>

#include "memtrack/books.h"
#include "memtrack/lock.h"
#include "memtrack/run.h"
#include "memtrack/tracker.h"

namespace heapwatch::memtrack {

namespace {

constexpr memtrack_component other = memtrack_components_max - 1;
constexpr std::size_t slots = std::size_t{2} * memtrack_components_max;

constinit Lock lock;
constinit std::atomic<memtrack_component> by_hash[slots]{};  // 0: empty

std::size_t hash_of(const char* name, std::size_t length) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (std::size_t i = 0; i < length; ++i) {
    hash = (hash ^ static_cast<unsigned char>(name[i])) * 0x100000001b3U;
  }
  return static_cast<std::size_t>(hash);
}

bool is_named(memtrack_component id, const char* name, std::size_t length) {
  return strncmp(books.component_names[id], name, length) == 0 &&
         books.component_names[id][length] == '\0';
}

/// The id, or 0 and the slot where it belongs. Entries are never removed, so no lock is needed to
/// look.
memtrack_component look_up(const char* name, std::size_t length, std::size_t& slot) {
  for (slot = hash_of(name, length) % slots;; slot = (slot + 1) % slots) {
    const memtrack_component id = by_hash[slot].load(std::memory_order_acquire);
    if (id == 0 || is_named(id, name, length)) {
      return id;
    }
  }
}

}  // namespace

void components_before_fork() noexcept {
  lock.acquire();
}

void components_after_fork() noexcept {
  lock.release();
}

}  // namespace heapwatch::memtrack

namespace memtrack = heapwatch::memtrack;

memtrack_component memtrack_component_id(const char* name) noexcept {
  const std::size_t length = strnlen(name, memtrack_component_name_max);
  if (length == 0) {
    return 0;
  }
  std::size_t slot = 0;
  memtrack_component id = memtrack::look_up(name, length, slot);
  if (id != 0) {
    return id;
  }
  const memtrack::Locked locked(memtrack::lock);
  id = memtrack::look_up(name, length, slot);
  if (id != 0) {
    return id;
  }
  id = memtrack_component_count();
  if (id >= memtrack::other) {
    constexpr char name_of_other[] = "(other)";
    memcpy(memtrack::books.component_names[memtrack::other], name_of_other, sizeof name_of_other);
    memtrack::books.names_count.store(memtrack_components_max - 1, std::memory_order_release);
    return memtrack::other;
  }
  memcpy(memtrack::books.component_names[id], name, length);
  memtrack::by_hash[slot].store(id, std::memory_order_release);
  memtrack::books.names_count.store(id, std::memory_order_release);
  return id;
}

memtrack_component memtrack_scope_enter(memtrack_component component) noexcept {
  const std::uint32_t previous = memtrack::thread_state.owner;
  memtrack::sampler::set_owner(component);
  return previous;
}

void memtrack_scope_leave(memtrack_component previous) noexcept {
  memtrack_scope_enter(previous);
}

memtrack_component memtrack_current_component(void) noexcept {
  return memtrack::component_of(memtrack::thread_state.owner);
}

uint32_t memtrack_component_count(void) noexcept {
  return memtrack::books.names_count.load(std::memory_order_acquire) + 1;
}

const char* memtrack_component_name(memtrack_component component) noexcept {
  return component < memtrack_component_count() ? memtrack::books.component_names[component]
                                                : nullptr;
}

memtrack_counters memtrack_component_stats(memtrack_component component) noexcept {
  return component < memtrack_component_count() ? memtrack::component_counters(component)
                                                : memtrack_counters{};
}
