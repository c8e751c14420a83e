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
constinit ForkHooks fork_hooks{};

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

/// Only pages that hold something: the others of a new file are zeros anyway.
bool write_pages(int file, const void* from, std::size_t bytes, std::size_t at) {
  static constexpr char zeros[page_bytes] = {};
  const char* next = static_cast<const char*>(from);
  while (bytes > 0) {
    const std::size_t piece = bytes < page_bytes ? bytes : page_bytes;
    if (memcmp(next, zeros, piece) != 0 && !write_all(file, next, piece, at)) {
      return false;
    }
    next += piece;
    at += piece;
    bytes -= piece;
  }
  return true;
}

/// Replaces what is mapped there by the file (or with -1 by private pages).
bool map_over(void* from, std::size_t bytes, int file, std::size_t at) {
  const int kind = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
  return bytes == 0 || system_mmap(from, bytes, PROT_READ | PROT_WRITE, kind | MAP_FIXED, file,
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

bool copy_books(int file, BooksCopy& copy) noexcept {
  books.magic = Books::magic_value;
  books.bytes = sizeof(Books);
  books.version = Books::current_version;
  if (books.pool == nullptr) {
    reserve_pool();
  }
  const std::size_t used = books.pool_used.load(std::memory_order_relaxed);
  copy = {file, nullptr, sizeof books + used};
  if (file >= 0) {
    return ftruncate(file, static_cast<off_t>(sizeof books + pool_bytes)) == 0 &&
           write_pages(file, &books, sizeof books, 0) &&
           write_pages(file, books.pool, used, sizeof books);
  }
  copy.pages = static_cast<char*>(map_pages(copy.bytes));
  if (copy.pages == nullptr) {
    return false;
  }
  memcpy(copy.pages, &books, sizeof books);
  memcpy(copy.pages + sizeof books, books.pool, used);
  return true;
}

bool copy_books_in_use(int file, BooksCopy& copy) noexcept {
  const Locked locked(pool_lock);
  return copy_books(file, copy);
}

void drop_copy(BooksCopy& copy) noexcept {
  if (copy.pages != nullptr) {
    unmap_pages(copy.pages, copy.bytes);
  }
}

bool move_to_copy(const BooksCopy& copy) noexcept {
  if ((copy.file < 0 && copy.pages == nullptr) ||
      !map_over(books.pool, pool_bytes, copy.file, sizeof books) ||
      !map_over(&books, sizeof books, copy.file, 0)) {
    return false;
  }
  if (copy.pages != nullptr) {
    memcpy(static_cast<void*>(&books), copy.pages, sizeof books);
    memcpy(books.pool, copy.pages + sizeof books, copy.bytes - sizeof books);
  }
  return true;
}

void books_before_fork() noexcept {
  pool_lock.acquire();
  if (fork_hooks.before != nullptr) {
    fork_hooks.before();
  }
}

void books_after_fork(bool child) noexcept {
  if (fork_hooks.after != nullptr) {
    fork_hooks.after(child);
  }
  pool_lock.release();
}

void set_fork_hooks(ForkHooks hooks) noexcept {
  fork_hooks = hooks;
}

void do_between_forks(void (*act)()) noexcept {
  const Locked locked(pool_lock);
  act();
}

}  // namespace heapwatch::memtrack
