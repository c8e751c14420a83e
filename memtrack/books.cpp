#include "memtrack/books.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memtrack/lock.h"
#include "memtrack/pages.h"

namespace heapwatch::memtrack {

constinit Books books{};

namespace {

constinit Lock pool_lock;
constinit std::size_t pool_bytes = 0;
using ForkHook = void (*)();
constinit ForkHook fork_hook = nullptr;

/// As much as the kernel gives: a limit on address space may stand against all of it.
void reserve_pool() {
  constexpr std::size_t least = std::size_t{4} << 20;
  for (std::size_t bytes = pool_bytes_max; bytes >= least; bytes /= 4) {
    if (void* const pages = map_pages(bytes); pages != nullptr) {
      books.pool = static_cast<char*>(pages);
      pool_bytes = bytes;
      return;
    }
  }
}

bool write_all(int file, const void* from, std::size_t bytes, std::size_t at) {
  const char* next = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t written = pwrite(file, next, bytes, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return false;
    }
    next += written;
    at += static_cast<std::size_t>(written);
    bytes -= static_cast<std::size_t>(written);
  }
  return true;
}

/// Lays a copy of what is there over it, in memory of this process alone.
bool make_private(void* from, std::size_t bytes, std::size_t used) {
  if (bytes == 0) {
    return true;
  }
  void* const copy = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (copy == MAP_FAILED) {
    return false;
  }
  memcpy(copy, from, used);
  return mremap(copy, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, from) != MAP_FAILED;
}

bool map_file(int file, void* over, std::size_t bytes, std::size_t at) {
  return bytes == 0 || mmap(over, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
                            static_cast<off_t>(at)) != MAP_FAILED;
}

}  // namespace

void* take_pool(std::size_t bytes) noexcept {
  constexpr std::size_t unit = 64;
  const std::size_t rounded = (bytes + unit - 1) & ~(unit - 1);
  const Locked locked(pool_lock);
  if (books.pool == nullptr) {
    reserve_pool();
  }
  const std::size_t used = books.pool_used.load(std::memory_order_relaxed);
  if (rounded > pool_bytes - used) {
    return nullptr;
  }
  books.pool_used.store(used + rounded, std::memory_order_release);
  return books.pool + used;
}

bool move_books(int file) noexcept {
  const int before = errno;
  books.magic = Books::magic_value;
  books.bytes = sizeof(Books);
  if (books.pool == nullptr) {
    reserve_pool();
  }
  const std::size_t used = books.pool_used.load(std::memory_order_relaxed);
  bool moved = false;
  if (file < 0) {
    moved = make_private(&books, sizeof books, sizeof books) &&
            make_private(books.pool, pool_bytes, used);
  } else {
    moved = ftruncate(file, static_cast<off_t>(sizeof books + pool_bytes)) == 0 &&
            write_all(file, &books, sizeof books, 0) &&
            write_all(file, books.pool, used, sizeof books) &&
            map_file(file, books.pool, pool_bytes, sizeof books) &&
            map_file(file, &books, sizeof books, 0);
  }
  errno = before;
  return moved;
}

void books_before_fork() noexcept {
  pool_lock.acquire();
  if (books.pool == nullptr) {
    reserve_pool();
  }
}

void books_after_fork() noexcept {
  pool_lock.release();
}

void set_fork_hook(void (*in_child)()) noexcept {
  fork_hook = in_child;
}

void run_fork_hook() noexcept {
  if (fork_hook != nullptr) {
    fork_hook();
  }
}

}  // namespace heapwatch::memtrack
