// CPython allocates in three domains: RAW, MEM and OBJ. Each has a table of functions that a
// program may replace. A hook calls the functions that were in the table before it, keeps their
// context, and notes what they did. So it can be put in place at any time: blocks from before are
// passed through.
//
// Where blocks come from. RAW leads to malloc. MEM and OBJ lead to pymalloc, which serves blocks of
// up to 512 bytes from arenas of its own, and calls malloc for others. So there are two kinds of
// blocks:
//   - Small ones never reach malloc. They stand in the shadow of memtrack/small_blocks.h.
//   - Others reach our malloc while the hook is on the stack. The hook makes the component of its
//     domain current (a scope of memtrack), so that they are put on the books as Python's and not
//     as native. Their free needs no hook: the entry knows whose they are. So a block that one
//     part of a program gets from PyMem_RawMalloc and another frees with free() is right, too.
// A hook of RAW that is called by one of the others leaves the component that is current.
//
// With PYTHONMALLOC=malloc all blocks are of the second kind; with PYTHONMALLOC=debug those that
// are near 512 bytes are, as they grow. So it is learned from each domain up to which size blocks
// do not come from malloc (small_max): whether one did is seen from the thread's own count.
//
// Layers. CPython itself replaces all tables when it reads PYTHONMALLOC or -X dev. The hooks are
// put on top then a second time, as another layer, since the first may be below it for all one
// knows. The first layer passes everything on from then on.
//
// In a program that was attached to, hooks come and go while it runs. One that is on top is taken
// away by putting back what it lies on. One that somebody has put others on stays; whether it is
// there still, when hooks are wanted again, is found out by a block: does the hook note it?
#include "preload/python/domains.h"

#include <atomic>

#include "memtrack/books.h"
#include "memtrack/interpreter.h"
#include "memtrack/run.h"
#include "memtrack/sampler.h"
#include "memtrack/small_blocks.h"
#include "memtrack/tracker.h"
#include "preload/python/api.h"
#include "preload/python/older_blocks.h"
#include "preload/python/own_blocks.h"

namespace heapwatch::preload::python {

namespace {

namespace small = memtrack::small;

constexpr unsigned layers = 2;
constexpr std::size_t pymalloc_max = 512;

/// What RAW has of malloc is on the books by malloc's own hooks.
constinit std::atomic<bool> malloc_is_watched{true};

bool is_for_raw_to_note() {
  return !malloc_is_watched.load(std::memory_order_relaxed);
}

older::From unknown_block_of(Domain domain) {
  return domain != raw          ? older::From::pymalloc_or_malloc
         : is_for_raw_to_note() ? older::From::malloc
                                : older::From::elsewhere;
}

/// What the hooks know of a domain.
struct State {
  Allocator below[layers];  // whom the hooks call on
  bool installed[layers];
  std::atomic<unsigned> active;                // the layer that notes what happens
  std::atomic<std::size_t> small_max[layers];  // 0 in a layer that is not active
};
constinit State states[domains]{};

/// While it lives the thread allocates for a domain, if it did not for another already.
class Charged {
 public:
  explicit Charged(unsigned domain)
      : before_(memtrack::thread_state.owner),
        changed_(!memtrack::interpreter::owns(memtrack::component_of(before_))) {
    if (changed_) {
      memtrack::sampler::set_owner(small::component_of_kind(domain));
    }
  }
  Charged(const Charged&) = delete;
  Charged& operator=(const Charged&) = delete;
  ~Charged() {
    if (changed_) {
      memtrack::sampler::set_owner(before_);
    }
  }

 private:
  std::uint32_t before_;
  bool changed_;
};

/// Whether what the thread does for a domain leads to malloc. Within a Charged.
class MallocWatch {
 public:
  explicit MallocWatch(unsigned domain) : component_(small::component_of_kind(domain)) {
    if (memtrack::thread_state.block == nullptr) {
      const memtrack::Busy busy;
      (void)memtrack::join_thread();
    }
    before_ = allocations();
  }
  [[nodiscard]] bool has_seen() const { return allocations() != before_; }

 private:
  [[nodiscard]] std::uint64_t allocations() const {
    memtrack::ThreadBlock* const mine = memtrack::thread_state.block;
    return mine == nullptr ? 0
                           : mine->cells[component_].allocations.load(std::memory_order_relaxed);
  }

  memtrack_component component_;
  std::uint64_t before_ = 0;
};

bool is_tracking() {
  return memtrack::mode() == memtrack::Mode::tracking;
}

/// The functions of one domain.
template <Domain domain, unsigned layer>
struct Hook {
  static const Allocator& below() { return states[domain].below[layer]; }

  static bool is_active() { return states[domain].active.load(std::memory_order_relaxed) == layer; }
  static bool is_small(std::size_t size) {
    return size - 1 < states[domain].small_max[layer].load(std::memory_order_relaxed);
  }

  static void* malloc(void* context, std::size_t size) noexcept {
    if (domain == raw || !is_small(size)) [[unlikely]] {
      return malloc_other(context, size, __builtin_return_address(0));
    }
    return noted(below().malloc(context, size), size, {});
  }

  static void* calloc(void* context, std::size_t count, std::size_t size) noexcept {
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
      bytes = 0;  // what is below refuses it
    }
    if (domain == raw || !is_small(bytes)) [[unlikely]] {
      return calloc_other(context, count, size, __builtin_return_address(0));
    }
    return noted(below().calloc(context, count, size), bytes, {});
  }

  static void free(void* context, void* block) noexcept {
    // In a layer that is not active, there is nothing any more.
    if (domain != raw && !small::forget(block, domain)) [[unlikely]] {
      free_other(context, block);
      return;
    }
    below().free(context, block);
  }

  static void* realloc(void* context, void* block, std::size_t size) noexcept {
    if (domain == raw || !is_small(size)) [[unlikely]] {
      return realloc_other(context, block, size, __builtin_return_address(0));
    }
    if (block == nullptr) {
      return noted(below().realloc(context, block, size), size, {});
    }
    // From pymalloc to pymalloc, as a rule to the same place.
    const small::Place place = small::place_of(block, domain);
    if (place.size > small::size_max) [[unlikely]] {
      return realloc_other(context, block, size, __builtin_return_address(0));
    }
    void* const moved =
        small::move(place, domain, [&] { return below().realloc(context, block, size); });
    return noted(moved, size, {});
  }

  static void install() {
    Allocator mine{};
    api.get_allocator(domain, &mine);
    State& state = states[domain];
    state.below[layer] = mine;
    state.installed[layer] = true;
    state.active.store(layer, std::memory_order_relaxed);
    for (std::atomic<std::size_t>& most : state.small_max) {
      most.store(0, std::memory_order_relaxed);
    }
    mine.malloc = malloc;
    mine.calloc = calloc;
    mine.realloc = realloc;
    mine.free = free;
    api.set_allocator(domain, &mine);
  }

 private:
  [[gnu::always_inline]] static void* noted(void* block, std::size_t size,
                                            memtrack::Caller caller) {
    return block != nullptr && is_tracking() ? small::record(block, size, domain, caller) : block;
  }

  // The less common cases are apart, and called at the end, so that the others need no room.

  [[gnu::noinline]] static void* malloc_other(void* context, std::size_t size, const void* caller) {
    return allocate(size, caller, [&] { return below().malloc(context, size); });
  }

  [[gnu::noinline]] static void* calloc_other(void* context, std::size_t count, std::size_t size,
                                              const void* caller) {
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
      bytes = 0;
    }
    return allocate(bytes, caller, [&] { return below().calloc(context, count, size); });
  }

  [[gnu::noinline]] static void free_other(void* context, void* block) {
    if (small::forget_slowly(block)) {
      below().free(context, block);
      return;
    }
    const older::Free free(block, unknown_block_of(domain));
    if (domain == raw && is_for_raw_to_note()) {
      own::forget(block);
    }
    below().free(context, block);
  }

  [[gnu::noinline]] static void* realloc_other(void* context, void* block, std::size_t size,
                                               const void* caller) {
    const auto reallocate = [&] { return below().realloc(context, block, size); };
    if (domain == raw && block != nullptr && is_for_raw_to_note()) {
      return move_raw(context, block, size, caller);
    }
    if (domain == raw || block == nullptr || !is_active()) {
      return allocate(size, caller, reallocate);
    }
    const small::Moving moving = small::begin_move(block);
    older::Free free(moving.word == 0 ? block : nullptr, unknown_block_of(domain));
    void* const moved = allocate(size, caller, reallocate);
    if (moved == nullptr) {
      small::cancel_move(moving);
      free.cancel();
    } else {
      small::finish_move(moving);
    }
    return moved;
  }

  static void* move_raw(void* context, void* block, std::size_t size, const void* caller) {
    older::Free free(block, unknown_block_of(domain));
    const own::Moving moving = own::begin_move(block);
    void* const moved =
        allocate(size, caller, [&] { return below().realloc(context, block, size); });
    if (moved == nullptr) {
      own::cancel_move(moving);
      free.cancel();
    } else {
      own::finish_move(moving);
    }
    return moved;
  }

  /// Calls what is below with the domain charged, and notes the block when it is not malloc's.
  template <typename Call>
  [[gnu::always_inline]] static void* allocate(std::size_t size, const void* caller,
                                               const Call& call) {
    if (!is_active()) {
      return call();
    }
    const Charged charged(domain);
    if (domain == raw && is_for_raw_to_note()) {
      void* const block = call();
      if (block != nullptr && is_tracking()) {
        own::record(block, size, caller);
      }
      return block;
    }
    if (domain == raw || size - 1 >= pymalloc_max) {
      return call();
    }
    const MallocWatch watch(domain);
    void* const block = call();
    if (block != nullptr && !watch.has_seen() && is_tracking()) {
      (void)small::record(block, size, domain, caller);
      if (!is_small(size)) {
        states[domain].small_max[layer].store(size, std::memory_order_relaxed);
      }
    }
    return block;
  }
};

/// Puts the hook in place, if it never was or someone has put back what was there before.
/// `at_start`: nobody but CPython itself can have changed the table since.
template <Domain domain>
void install_if_missing(bool at_start) {
  const State& state = states[domain];
  Allocator now{};
  api.get_allocator(domain, &now);
  if (now.malloc == Hook<domain, 0>::malloc || now.malloc == Hook<domain, 1>::malloc) {
    return;
  }
  if (!state.installed[0] || (!state.installed[1] && now.malloc == state.below[0].malloc)) {
    Hook<domain, 0>::install();
  } else if (state.installed[1] ? now.malloc == state.below[1].malloc : at_start) {
    Hook<domain, 1>::install();
  }
}

/// Whether a block of the domain comes to the hook that is active, whoever is on top. With
/// accounting on.
template <Domain domain>
bool is_reached(const Allocator& now) {
  const MallocWatch watch(domain);
  constexpr std::size_t probe_bytes = 24;
  void* const block = now.malloc(now.context, probe_bytes);
  if (block != nullptr) {
    now.free(now.context, block);
  }
  return watch.has_seen();
}

template <Domain domain>
void install_late() {
  const State& state = states[domain];
  Allocator now{};
  api.get_allocator(domain, &now);
  if (now.malloc == Hook<domain, 0>::malloc || now.malloc == Hook<domain, 1>::malloc) {
    return;
  }
  if (state.installed[0] && is_reached<domain>(now)) {
    return;
  }
  if (state.active.load(std::memory_order_relaxed) == 0) {
    Hook<domain, 0>::install();
  } else {
    Hook<domain, 1>::install();
  }
}

/// False when it is not on top.
template <Domain domain, unsigned layer>
bool uninstall(const Allocator& now) {
  if (now.malloc != Hook<domain, layer>::malloc) {
    return false;
  }
  State& state = states[domain];
  api.set_allocator(domain, &state.below[layer]);
  state.installed[layer] = false;
  return true;
}

template <Domain domain>
bool uninstall_any() {
  const State& state = states[domain];
  Allocator now{};
  api.get_allocator(domain, &now);
  const bool is_gone = uninstall<domain, 0>(now) || uninstall<domain, 1>(now);
  return is_gone || !(state.installed[0] || state.installed[1]);
}

void hook_all(bool at_start) {
  install_if_missing<raw>(at_start);
  install_if_missing<mem>(at_start);
  install_if_missing<object>(at_start);
}

}  // namespace

void hook_domains() noexcept {
  hook_all(api.is_initialized() == 0);
}

void hook_domains_at_start() noexcept {
  hook_all(true);
}

void hook_domains_late(bool malloc_has_hooks) noexcept {
  malloc_is_watched.store(malloc_has_hooks, std::memory_order_relaxed);
  older::begin();
  install_late<raw>();
  install_late<mem>();
  install_late<object>();
}

bool unhook_domains() noexcept {
  // Each of them.
  const bool gone[] = {uninstall_any<raw>(), uninstall_any<mem>(), uninstall_any<object>()};
  return gone[raw] && gone[mem] && gone[object];
}

}  // namespace heapwatch::preload::python
