// What runs in a process that was attached to: the entry, which the new thread calls, and the hooks
// that the allocation functions are redirected to.
//
// The hooks differ from the functions that a preloaded library exports in what they may rely on.
// Blocks are older than the books; threads are inside the allocator while tables change; a caller
// that took the address of free() before goes on past us. So no free is ever refused, what is not
// on the books is a free of an older block, and an entry that stands where a new block begins was
// freed behind our back.
#define MEMTRACK_ALLOW_RAW
#include "preload/python/attached.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <type_traits>

#include "memtrack/lock.h"
#include "memtrack/memtrack.h"
#include "memtrack/sampler.h"
#include "memtrack/tracked.h"
#include "preload/injected.h"
#include "preload/interception.h"
#include "preload/other_allocator.h"
#include "preload/owner.h"
#include "preload/python/api.h"
#include "preload/python/tracked.h"

namespace heapwatch::preload {

namespace {

struct Below {
  static constexpr auto reuse = memtrack::Reuse::possible;
  static void* malloc(std::size_t size) { return below.malloc(size); }
  static void* calloc(std::size_t count, std::size_t size) { return below.calloc(count, size); }
  static void* realloc(void* block, std::size_t size) { return below.realloc(block, size); }
  static void* aligned_alloc(std::size_t alignment, std::size_t size) {
    return below.aligned_alloc(alignment, size);
  }
  static void free(void* block) { below.free(block); }
  static void free_foreign(void* block) { below.free(block); }
  static void* realloc_foreign(void* block, std::size_t size) { return below.realloc(block, size); }
};

using Hooked = memtrack::Tracked<Below>;

void* hook_malloc(std::size_t size) noexcept {
  return Hooked::malloc(size, {});
}
void hook_free(void* block) noexcept {
  Hooked::free(block, {});
}
void* hook_calloc(std::size_t count, std::size_t size) noexcept {
  return Hooked::calloc(count, size, {});
}
void* hook_realloc(void* block, std::size_t size) noexcept {
  return Hooked::realloc(block, size, {});
}
void* hook_reallocarray(void* block, std::size_t count, std::size_t size) noexcept {
  return Hooked::reallocarray(block, count, size, {});
}
void* hook_aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return Hooked::aligned_alloc(alignment, size, {});
}
int hook_posix_memalign(void** block, std::size_t alignment, std::size_t size) noexcept {
  return Hooked::posix_memalign(block, alignment, size, {});
}
void* hook_valloc(std::size_t size) noexcept {
  return Hooked::valloc(size, {});
}
void* hook_pvalloc(std::size_t size) noexcept {
  return Hooked::pvalloc(size, {});
}

template <typename Function>
const void* address(Function* function) {
  return reinterpret_cast<const void*>(function);
}

/// The first four must be there.
constinit Intercepted functions[intercepted_count]{};
constinit bool is_attached = false;
constinit bool has_redirected = false;  // malloc and its like
constinit bool has_definitions = false;

/// Of the tables of objects; nobody forks while it is held.
constinit memtrack::Lock lock;
constinit bool is_prepared = false;

void before_fork() {
  lock.acquire();
}
void after_fork() {
  lock.release();
}

enum : std::size_t {
  malloc_at,
  free_at,
  calloc_at,
  realloc_at,
  memalign_at,
  aligned_alloc_at,
  track_at = allocation_functions
};

std::size_t no_size(void* /*block*/) {
  return 0;
}

bool find_functions() {
  if (has_definitions) {
    return true;
  }
  const Intercepted wanted[intercepted_count] = {
      {"malloc", address(hook_malloc), nullptr},
      {"free", address(hook_free), nullptr},
      {"calloc", address(hook_calloc), nullptr},
      {"realloc", address(hook_realloc), nullptr},
      {"memalign", address(hook_aligned_alloc), nullptr},
      {"aligned_alloc", address(hook_aligned_alloc), nullptr},
      {"posix_memalign", address(hook_posix_memalign), nullptr},
      {"reallocarray", address(hook_reallocarray), nullptr},
      {"valloc", address(hook_valloc), nullptr},
      {"pvalloc", address(hook_pvalloc), nullptr},
      {python::track_name, address(python::track), nullptr},
  };
  for (std::size_t i = 0; i < intercepted_count; ++i) {
    functions[i] = wanted[i];
  }
  if (!find_definitions(functions)) {
    return false;
  }
  const auto set = [](auto*& function, std::size_t at) {
    if (functions[at].definition != nullptr) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
          const_cast<void*>(functions[at].definition));
    }
  };
  Allocator found = below;
  set(found.malloc, malloc_at);
  set(found.free, free_at);
  set(found.calloc, calloc_at);
  set(found.realloc, realloc_at);
  set(found.aligned_alloc,
      functions[memalign_at].definition != nullptr ? memalign_at : aligned_alloc_at);
  const void* const usable = find_beside(functions[malloc_at].definition, "malloc_usable_size");
  found.usable_size =
      usable == nullptr ? no_size
                        : reinterpret_cast<decltype(found.usable_size)>(const_cast<void*>(usable));
  below = found;
  has_definitions = true;
  return true;
}

void sleep_ms(long milliseconds) {
  timespec time{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) == EINTR) {
  }
}

/// A fork that began before the handlers were registered goes without them, and its child must not
/// find accounting on. It has a moment to be over.
constexpr long fork_moment_ms = 50;

Outcome attach(const Room& room) {
  if (is_attached) {
    return Outcome::already;
  }
  if (!owns_books()) {
    return Outcome::not_shared;
  }
  if (!is_prepared) {
    pthread_atfork(before_fork, after_fork, after_fork);
    is_prepared = true;
  }
  if (room.is_alone == 0) {
    sleep_ms(fork_moment_ms);
  }
  const memtrack::Locked locked(lock);
  if (!find_functions()) {
    return Outcome::not_found;
  }
  // Blocks may be where freed ones of the books were: nothing is certain of an address.
  memtrack::expect_other_sources();
  memtrack_set_sample_interval(room.sample_interval);
  // Hooks first, which pass all through until accounting begins: a block whose free is seen was
  // seen before.
  if (room.python != Python::only) {
    redirect_all(functions);
    has_redirected = true;
  }
  is_attached = true;
  memtrack::set_enabled(true);
  return Outcome::done;
}

Outcome detach() {
  if (!is_attached) {
    return Outcome::already;
  }
  const memtrack::Locked locked(lock);
  // Threads are in the hooks, or about to be: those pass all through from now on, for ever.
  memtrack::go_dormant();
  put_all_back(functions);
  functions[track_at].definition = nullptr;
  is_attached = false;
  has_redirected = false;
  return Outcome::done;
}

/// Once the blocks that come from malloc for CPython's domains are Python's, those that extensions
/// have of it are, too, which say so.
void redirect_track() {
  const memtrack::Locked locked(lock);
  if (has_redirected && python::are_hooks_wanted()) {
    // Who attaches a second time finds ours by the name.
    Intercepted& function = functions[track_at];
    if (function.definition == nullptr && python::api.track != python::track) {
      python::lead_track_to(python::api.track);
      function.definition = address(python::api.track);
    }
    redirect_all(functions);
  }
}

/// Says that the work is done, and takes the room away when nobody else is in it.
void leave(Room* room) {
  void* const begin = reinterpret_cast<void*>(room->begin);  // NOLINT(performance-no-int-to-ptr)
  const std::size_t bytes = room->bytes;
  std::uint32_t* const released = &room->released;
  __atomic_store_n(reinterpret_cast<std::uint32_t*>(&room->fresh),
                   static_cast<std::uint32_t>(Fresh::finished), __ATOMIC_RELEASE);
  // Whoever attaches may have died: then the room stays.
  constexpr std::uint32_t all_have_left = 2;
  constexpr int waits_max = 3000;
  for (int i = 0; i < waits_max; ++i) {
    if (__atomic_load_n(released, __ATOMIC_ACQUIRE) == all_have_left) {
      munmap(begin, bytes);
      break;
    }
    sleep_ms(1);
  }
}

}  // namespace

}  // namespace heapwatch::preload

extern "C" [[gnu::visibility("default")]] void* heapwatch_attached(
    heapwatch::preload::Room* room) noexcept;

void* heapwatch_attached(heapwatch::preload::Room* room) noexcept {
  using namespace heapwatch::preload;
  if (room->library_file >= 0) {
    close(room->library_file);
  }
  const bool attaches = room->operation == Operation::attach;
  const bool has_hooks_of_python = attaches ? room->python != Python::off : is_attached;
  room->outcome = attaches ? attach(*room) : detach();
  const bool is_to_look_again = has_redirected;
  // Held back until nobody is in the room: it may take long.
  const bool is_python_next =
      has_hooks_of_python && (room->outcome == Outcome::done || room->outcome == Outcome::already);
  if (is_python_next) {
    python::announce_hooks();
  }
  leave(room);
  if (is_to_look_again) {
    // A thread that was looking a function up while its entry was changed has written over it.
    constexpr long pause_ms = 100;
    sleep_ms(pause_ms);
    const heapwatch::memtrack::Locked locked(heapwatch::preload::lock);
    if (has_redirected) {
      redirect_all(functions);
    }
  }
  if (is_python_next) {
    const bool is_hooked = attaches
                               ? python::hook_attached(has_redirected ? python::Malloc::watched
                                                                      : python::Malloc::not_watched)
                               : python::unhook_attached();
    if (is_hooked) {
      redirect_track();
      python::tell_hooked();
    }
  }
  return nullptr;
}
