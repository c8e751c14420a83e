// The allocation functions over an allocator: the books are kept around each call of it.
#pragma once

#include <errno.h>
#include <unistd.h>

#include <cstddef>

#include "memtrack/tracker.h"

namespace heapwatch::memtrack {

/// `Raw` has the static functions malloc, calloc, realloc, aligned_alloc and free, free_foreign and
/// realloc_foreign for blocks that are not on the books, and the constant `reuse`.
///
/// What takes a Caller is inlined into the exported function, whose return address is the place a
/// block is put down to.
template <typename Raw>
struct Tracked {
  // The shadow knows one block in 32 bytes. glibc's smallest block has 24 anyway.
  static constexpr std::size_t block_size_min = 24;

  [[gnu::always_inline]] static std::size_t fit(std::size_t size) {
    return size < block_size_min ? block_size_min : size;
  }

  [[gnu::always_inline]] static void* malloc(std::size_t size, Caller caller) {
    if (const Mode now = mode(); now != Mode::tracking) [[unlikely]] {
      return now == Mode::dormant ? Raw::malloc(size) : malloc_in_mode(size, caller);
    }
    void* const block = Raw::malloc(fit(size));
    return block != nullptr ? record(block, size, caller, Raw::reuse) : nullptr;
  }

  [[gnu::always_inline]] static void free(void* block, Caller caller) {
    if (const Mode now = mode(); now != Mode::tracking) [[unlikely]] {
      now == Mode::dormant ? Raw::free(block) : free_in_mode(block, caller);
      return;
    }
    if (ThreadBlock* const mine = forget(block, Raw::reuse); mine != nullptr) [[likely]] {
      Raw::free(block);
      if constexpr (Raw::reuse == Reuse::possible) {
        settle(mine);
      }
      return;
    }
    free_slowly(block, caller);
  }

  [[gnu::always_inline]] static void free_either(void* block, Caller caller) {
    if (is_on_books(block)) {
      free(block, caller);
    } else {
      Raw::free(block);
    }
  }

  [[gnu::always_inline]] static void* calloc(std::size_t count, std::size_t size, Caller caller) {
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
      errno = ENOMEM;
      return nullptr;
    }
    return enter(Raw::calloc(1, fit(bytes)), bytes, caller);
  }

  [[gnu::always_inline]] static void* aligned_alloc(std::size_t alignment, std::size_t size,
                                                    Caller caller) {
    return enter(Raw::aligned_alloc(alignment, fit(size)), size, caller);
  }

  [[gnu::always_inline]] static void* realloc(void* block, std::size_t size, Caller caller) {
    if (block == nullptr) {
      return enter(Raw::malloc(fit(size)), size, caller);
    }
    if (size == 0) {
      free(block, caller);
      return nullptr;
    }
    return move(block, size, caller);
  }

  [[gnu::always_inline]] static void* reallocarray(void* block, std::size_t count, std::size_t size,
                                                   Caller caller) {
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
      errno = ENOMEM;
      return nullptr;
    }
    return realloc(block, bytes, caller);
  }

  [[gnu::always_inline]] static int posix_memalign(void** block, std::size_t alignment,
                                                   std::size_t size, Caller caller) {
    if (alignment % sizeof(void*) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
      return EINVAL;
    }
    const int before = errno;
    void* const made = aligned_alloc(alignment, size, caller);
    errno = before;
    if (made == nullptr) {
      return ENOMEM;
    }
    *block = made;
    return 0;
  }

  [[gnu::always_inline]] static void* valloc(std::size_t size, Caller caller) {
    return aligned_alloc(static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), size, caller);
  }

  [[gnu::always_inline]] static void* pvalloc(std::size_t size, Caller caller) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    std::size_t rounded = 0;
    if (__builtin_add_overflow(size, page - 1, &rounded)) {
      errno = ENOMEM;
      return nullptr;
    }
    return aligned_alloc(page, rounded & ~(page - 1), caller);
  }

  /// Deals with a block the allocator just made, whatever the mode.
  [[gnu::always_inline]] static void* enter(void* block, std::size_t size, Caller caller) {
    if (block == nullptr) {
      return nullptr;
    }
    return mode() == Mode::tracking ? record(block, size, caller, Raw::reuse)
                                    : enter_in_mode(block, size, caller);
  }

 private:
  [[gnu::noinline]] static void* move(void* block, std::size_t size, const void* caller) {
    const Mode now = begin_mode(mode());
    if (now == Mode::dormant) {
      return Raw::realloc(block, size);
    }
    const Moving moving = begin_move(block, caller, Raw::reuse);
    if (moving.was == Moving::Was::freed) {
      errno = EINVAL;
      return nullptr;
    }
    const bool observed = now == Mode::observed;
    if (observed) {
      notify(block, 0, memtrack_free);
    }
    void* const moved = moving.was == Moving::Was::foreign ? Raw::realloc_foreign(block, fit(size))
                                                           : Raw::realloc(block, fit(size));
    if (moved == nullptr) {
      cancel_move(moving);
      if (observed && moving.was == Moving::Was::tracked) {
        notify(moving.block, moving.entry.size, memtrack_allocation);
      }
      return nullptr;
    }
    if (now == Mode::paused) {
      finish_move_while_paused(moving, moved);
      return moved;
    }
    finish_move(moving, moved, size, caller);
    if (observed) {
      notify(moved, size, memtrack_allocation);
    }
    return moved;
  }

  [[gnu::noinline]] static void free_slowly(void* block, const void* caller) {
    release(block, forget_slowly(block, caller, Raw::reuse));
  }

  static void release(void* block, Fate fate) {
    if (fate == Fate::release) {
      Raw::free(block);
      if constexpr (Raw::reuse == Reuse::possible) {
        settle();
      }
    } else if (fate == Fate::pass_on) {
      Raw::free_foreign(block);
    }
  }

  [[gnu::noinline]] static void* malloc_in_mode(std::size_t size, const void* caller) {
    void* const block = Raw::malloc(fit(size));
    return block != nullptr ? enter_in_mode(block, size, caller) : nullptr;
  }

  [[gnu::noinline]] static void* enter_in_mode(void* block, std::size_t size, const void* caller) {
    const Mode now = begin_mode(mode());
    if (now == Mode::paused) {
      note_older(block);
    } else if (now != Mode::dormant) {
      record(block, size, caller, Raw::reuse);
      if (now == Mode::observed) {
        notify(block, size, memtrack_allocation);
      }
    }
    return block;
  }

  [[gnu::noinline]] static void free_in_mode(void* block, const void* caller) {
    const Mode now = begin_mode(mode());
    if (block == nullptr) {
      return;
    }
    Fate fate = Fate::release;
    if (now == Mode::paused) {
      forget_while_paused(block);
    } else if (now != Mode::dormant) {
      if (now == Mode::observed) {
        notify(block, 0, memtrack_free);
      }
      fate = forget_slowly(block, caller, Raw::reuse);
    }
    release(block, fate);
  }
};

}  // namespace heapwatch::memtrack
