// The allocation functions of the C library, each with the books around it. They lead to glibc's
// own, which need no looking up and so work from the first instruction of the program on.
#define MEMTRACK_ALLOW_RAW
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "memtrack/tracked.h"
#include "preload/other_allocator.h"

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the C library's names
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): its own begin with __

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* block);
}

namespace {

using heapwatch::preload::other_allocator;

struct Glibc {
  static constexpr auto reuse = heapwatch::memtrack::Reuse::impossible;
  static void* malloc(std::size_t size) { return __libc_malloc(size); }
  static void* calloc(std::size_t count, std::size_t size) { return __libc_calloc(count, size); }
  static void* realloc(void* block, std::size_t size) { return __libc_realloc(block, size); }
  static void* aligned_alloc(std::size_t alignment, std::size_t size) {
    return __libc_memalign(alignment, size);
  }
  static void free(void* block) { __libc_free(block); }

  static void free_foreign(void* block) {
    if (other_allocator.free != nullptr) {
      other_allocator.free(block);
    } else {
      __libc_free(block);
    }
  }

  /// What comes back is on the books, so it must be glibc's.
  static void* realloc_foreign(void* block, std::size_t size) {
    if (other_allocator.free == nullptr) {
      return __libc_realloc(block, size);
    }
    void* const moved = __libc_malloc(size);
    if (moved != nullptr) {
      const std::size_t held = other_allocator.usable_size(block);
      memcpy(moved, block, held < size ? held : size);
      other_allocator.free(block);
    }
    return moved;
  }
};

using Program = heapwatch::memtrack::Tracked<Glibc>;

std::size_t page_size() {
  return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// As glibc's malloc_usable_size, which cannot be reached where another library has one, too: the
/// word before the block holds the size of its chunk and three flags.
std::size_t usable_bytes(const void* block) {
  constexpr std::uintptr_t flags = 7;
  constexpr std::uintptr_t mmapped = 2;
  std::uintptr_t head = 0;
  memcpy(&head, static_cast<const char*>(block) - sizeof head, sizeof head);
  return (head & ~flags) - ((head & mmapped) != 0 ? 2 : 1) * sizeof head;
}

}  // namespace

#define HEAPWATCH_EXPORT extern "C" [[gnu::visibility("default")]]

HEAPWATCH_EXPORT void* malloc(std::size_t size) noexcept {
  return Program::malloc(size, {});
}

HEAPWATCH_EXPORT void free(void* block) noexcept {
  Program::free(block, {});
}

HEAPWATCH_EXPORT void cfree(void* block) noexcept {
  Program::free(block, {});
}

HEAPWATCH_EXPORT void free_sized(void* block, std::size_t /*size*/) noexcept {
  Program::free(block, {});
}

HEAPWATCH_EXPORT void free_aligned_sized(void* block, std::size_t /*alignment*/,
                                         std::size_t /*size*/) noexcept {
  Program::free(block, {});
}

HEAPWATCH_EXPORT void* calloc(std::size_t count, std::size_t size) noexcept {
  return Program::calloc(count, size, {});
}

HEAPWATCH_EXPORT void* realloc(void* block, std::size_t size) noexcept {
  return Program::realloc(block, size, {});
}

HEAPWATCH_EXPORT void* reallocarray(void* block, std::size_t count, std::size_t size) noexcept {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return Program::realloc(block, bytes, {});
}

HEAPWATCH_EXPORT void* memalign(std::size_t alignment, std::size_t size) noexcept {
  return Program::aligned_alloc(alignment, size, {});
}

HEAPWATCH_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return Program::aligned_alloc(alignment, size, {});
}

HEAPWATCH_EXPORT int posix_memalign(void** block, std::size_t alignment,
                                    std::size_t size) noexcept {
  if (alignment % sizeof(void*) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
    return EINVAL;
  }
  const int before = errno;
  void* const made = Program::aligned_alloc(alignment, size, {});
  errno = before;
  if (made == nullptr) {
    return ENOMEM;
  }
  *block = made;
  return 0;
}

HEAPWATCH_EXPORT void* valloc(std::size_t size) noexcept {
  return Program::aligned_alloc(page_size(), size, {});
}

HEAPWATCH_EXPORT void* pvalloc(std::size_t size) noexcept {
  const std::size_t page = page_size();
  std::size_t rounded = 0;
  if (__builtin_add_overflow(size, page - 1, &rounded)) {
    errno = ENOMEM;
    return nullptr;
  }
  return Program::aligned_alloc(page, rounded & ~(page - 1), {});
}

HEAPWATCH_EXPORT std::size_t malloc_usable_size(void* block) noexcept {
  if (block == nullptr) {
    return 0;
  }
  return other_allocator.free != nullptr && !heapwatch::memtrack::is_on_books(block)
             ? other_allocator.usable_size(block)
             : usable_bytes(block);
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
