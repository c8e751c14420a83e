// The functions of the C library that map memory, each with the books around it.
//
// They see what the program and its libraries call. glibc's own allocator, its loader and the
// stacks of its threads do not come this way: libc calls itself directly. Each mapping is kept with
// its stack, since mappings are rare beside blocks. The kernel's call is made under the lock, so
// that the table says what is mapped in the order in which the kernel did it, also when two threads
// hand each other addresses. Whoever interrupts us inside (a handler of a signal that maps memory)
// goes straight to the kernel.
#include "preload/mappings.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "memtrack/lock.h"
#include "memtrack/pages.h"
#include "memtrack/sampler.h"
#include "memtrack/tracker.h"
#include "preload/intervals.h"

namespace heapwatch::preload {

namespace {

using memtrack::Mode;
namespace sampler = memtrack::sampler;

constinit memtrack::Lock lock;
constinit Intervals mapped{};
constinit std::atomic<std::uintptr_t> ignored_start{0};
constinit std::atomic<std::uintptr_t> ignored_limit{0};
constinit thread_local bool maps_for_allocator [[gnu::tls_model("initial-exec")]] = false;

constexpr memtrack_space space = memtrack_space_mmap;

std::uintptr_t address_of(const void* pages) {
  return reinterpret_cast<std::uintptr_t>(pages);
}

std::uintptr_t whole_pages(std::size_t bytes) {
  return (bytes + memtrack::page_bytes - 1) & ~(memtrack::page_bytes - 1);
}

bool is_ignored(const void* caller) {
  if (maps_for_allocator) {
    return true;
  }
  const std::uintptr_t start = ignored_start.load(std::memory_order_relaxed);
  return address_of(caller) - start < ignored_limit.load(std::memory_order_relaxed) - start;
}

/// Whether what is mapped now goes on the books.
bool is_watching() {
  const Mode now = memtrack::begin_mode(memtrack::mode());
  return now == Mode::tracking || now == Mode::observed;
}

/// With the lock held, as all that follows.
void add(std::uintptr_t start, std::uintptr_t limit, const void* caller) {
  Piece piece{start, limit, sampler::enter(limit - start, caller, space)};
  if (!mapped.insert(piece)) {
    sampler::leave(piece.kept);
    return;
  }
  sampler::count_in_space(space, piece.bytes(), true);
}

/// Whether there was anything.
bool cut(std::uintptr_t low, std::uintptr_t high) {
  bool found = false;
  while (const Piece* const at = mapped.find(low, high)) {
    found = true;
    const Piece whole = *at;
    mapped.remove(at);
    const std::size_t below = whole.start < low ? low - whole.start : 0;
    const std::size_t above = high < whole.limit ? whole.limit - high : 0;
    const sampler::Rests kept = sampler::leave(whole.kept, below, above);
    const Piece rests[] = {{whole.start, whole.start + below, kept.first},
                           {whole.limit - above, whole.limit, kept.second}};
    std::size_t left = 0;
    int pieces = 0;
    for (const Piece& rest : rests) {
      if (rest.start < rest.limit) {
        if (mapped.insert(rest)) {
          left += rest.bytes();
          ++pieces;
        } else {
          sampler::leave(rest.kept);
        }
      }
    }
    sampler::count_cut_in_space(space, whole.bytes() - left, pieces);
  }
  return found;
}

/// Takes the lock, unless this thread is inside already or an allocator calls: it may hold a lock
/// of its own, which a fork that holds ours waits for.
class Inside {
 public:
  explicit Inside(const void* caller)
      : is_entered_(!memtrack::thread_state.busy && !is_ignored(caller)) {
    if (is_entered_) {
      memtrack::thread_state.busy = true;
      lock.acquire();
    }
  }
  ~Inside() {
    if (is_entered_) {
      lock.release();
      memtrack::thread_state.busy = false;
    }
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  explicit operator bool() const { return is_entered_; }

 private:
  bool is_entered_;
};

void before_fork() {
  lock.acquire();
}
void after_fork() {
  lock.release();
}

using Mmap = void* (*)(void*, std::size_t, int, int, int, off_t);
using Munmap = int (*)(void*, std::size_t);
/// Of the C library, or of another library that has these functions, too. Null before they are
/// looked up.
constinit std::atomic<Mmap> next_mmap{nullptr};
constinit std::atomic<Munmap> next_munmap{nullptr};

/// After memtrack's own, so that this lock is taken before its locks.
[[gnu::constructor(102)]] void prepare() {
  next_mmap.store(reinterpret_cast<Mmap>(dlsym(RTLD_NEXT, "mmap")), std::memory_order_relaxed);
  next_munmap.store(reinterpret_cast<Munmap>(dlsym(RTLD_NEXT, "munmap")),
                    std::memory_order_relaxed);
  pthread_atfork(before_fork, after_fork, after_fork);
}

void* kernel_mremap(void* pages, std::size_t old_bytes, std::size_t bytes, int flags, void* to) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): what the kernel says
  return reinterpret_cast<void*>(syscall(SYS_mremap, pages, old_bytes, bytes, flags, to));
}

void* map(void* where, std::size_t bytes, int protection, int flags, int file, off_t offset,
          const void* caller) {
  const Inside inside(caller);
  const Mmap next = next_mmap.load(std::memory_order_relaxed);
  void* const pages = (next != nullptr ? next : memtrack::kernel_mmap)(where, bytes, protection,
                                                                       flags, file, offset);
  if (!inside || pages == MAP_FAILED) {
    return pages;
  }
  const std::uintptr_t start = address_of(pages);
  const std::uintptr_t limit = start + whole_pages(bytes);
  cut(start, limit);
  if ((flags & MAP_ANONYMOUS) != 0 && is_watching()) {
    add(start, limit, caller);
  }
  return pages;
}

int unmap(void* pages, std::size_t bytes, const void* caller) {
  const Inside inside(caller);
  const Munmap next = next_munmap.load(std::memory_order_relaxed);
  const int result = (next != nullptr ? next : memtrack::kernel_munmap)(pages, bytes);
  if (inside && result == 0) {
    cut(address_of(pages), address_of(pages) + whole_pages(bytes));
  }
  return result;
}

void* remap(void* pages, std::size_t old_bytes, std::size_t bytes, int flags, void* to,
            const void* caller) {
  const Inside inside(caller);
  void* const moved = kernel_mremap(pages, old_bytes, bytes, flags, to);
  if (!inside || moved == MAP_FAILED) {
    return moved;
  }
  const std::uintptr_t old = address_of(pages);
  const std::uintptr_t start = address_of(moved);
  constexpr int dont_unmap = 4;  // MREMAP_DONTUNMAP
  const bool stays = old_bytes == 0 || (flags & dont_unmap) != 0;
  if (start == old && whole_pages(bytes) < whole_pages(old_bytes)) {
    cut(old + whole_pages(bytes), old + whole_pages(old_bytes));
    return moved;
  }
  const std::uintptr_t old_limit = old + (old_bytes == 0 ? 1 : whole_pages(old_bytes));
  const bool is_known = stays ? mapped.find(old, old_limit) != nullptr : cut(old, old_limit);
  cut(start, start + whole_pages(bytes));
  if (is_known && is_watching()) {
    add(start, start + whole_pages(bytes), caller);
  }
  return moved;
}

using Sbrk = void* (*)(std::intptr_t);

Sbrk libc_sbrk() {
  static constinit std::atomic<Sbrk> found{nullptr};
  Sbrk function = found.load(std::memory_order_relaxed);
  if (function == nullptr) {
    function = reinterpret_cast<Sbrk>(dlsym(RTLD_NEXT, "sbrk"));
    found.store(function, std::memory_order_relaxed);
  }
  return function;
}

void note_break(std::uintptr_t before, std::uintptr_t now, const void* caller) {
  if (now < before) {
    cut(now, before);
  } else if (now > before && is_watching()) {
    cut(before, now);
    add(before, now, caller);
  }
}

void* move_break(std::intptr_t by, const void* caller) {
  const Sbrk libc = libc_sbrk();
  const Inside inside(caller);
  void* const before = libc(by);
  if (inside && by != 0 && address_of(before) != ~std::uintptr_t{0}) {
    note_break(address_of(before), address_of(before) + static_cast<std::uintptr_t>(by), caller);
  }
  return before;
}

}  // namespace

MapsForAllocator::MapsForAllocator() noexcept : before_(maps_for_allocator) {
  maps_for_allocator = true;
}

MapsForAllocator::~MapsForAllocator() {
  maps_for_allocator = before_;
}

void ignore_mappings_of(std::uintptr_t start, std::uintptr_t limit) noexcept {
  ignored_start.store(start, std::memory_order_relaxed);
  ignored_limit.store(limit, std::memory_order_relaxed);
}

}  // namespace heapwatch::preload

namespace heapwatch::memtrack {

void* kernel_mmap(void* where, std::size_t bytes, int protection, int flags, int file,
                  long offset) noexcept {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): what the kernel says
  return reinterpret_cast<void*>(syscall(SYS_mmap, where, bytes, protection, flags, file, offset));
}

int kernel_munmap(void* pages, std::size_t bytes) noexcept {
  return static_cast<int>(syscall(SYS_munmap, pages, bytes));
}

}  // namespace heapwatch::memtrack

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): its own begin with __
#define HEAPWATCH_EXPORT extern "C" [[gnu::visibility("default")]]

HEAPWATCH_EXPORT void* mmap(void* where, std::size_t bytes, int protection, int flags, int file,
                            off_t offset) noexcept {
  return heapwatch::preload::map(where, bytes, protection, flags, file, offset,
                                 __builtin_return_address(0));
}

HEAPWATCH_EXPORT void* mmap64(void* where, std::size_t bytes, int protection, int flags, int file,
                              off64_t offset) noexcept {
  return heapwatch::preload::map(where, bytes, protection, flags, file, offset,
                                 __builtin_return_address(0));
}

HEAPWATCH_EXPORT int munmap(void* pages, std::size_t bytes) noexcept {
  return heapwatch::preload::unmap(pages, bytes, __builtin_return_address(0));
}

HEAPWATCH_EXPORT void* mremap(void* pages, std::size_t old_bytes, std::size_t bytes, int flags,
                              ...) noexcept {
  va_list rest;
  va_start(rest, flags);
  // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, above
  void* const to = (flags & (MREMAP_FIXED | 4)) != 0 ? va_arg(rest, void*) : nullptr;
  va_end(rest);
  return heapwatch::preload::remap(pages, old_bytes, bytes, flags, to, __builtin_return_address(0));
}

HEAPWATCH_EXPORT void* sbrk(std::intptr_t by) noexcept {
  return heapwatch::preload::move_break(by, __builtin_return_address(0));
}

HEAPWATCH_EXPORT int brk(void* to) noexcept {
  void* const now = heapwatch::preload::libc_sbrk()(0);
  const auto by = static_cast<std::intptr_t>(reinterpret_cast<std::uintptr_t>(to) -
                                             reinterpret_cast<std::uintptr_t>(now));
  return reinterpret_cast<std::intptr_t>(
             heapwatch::preload::move_break(by, __builtin_return_address(0))) == -1
             ? -1
             : 0;
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
