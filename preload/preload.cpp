// The allocation functions of the C library, each with the books around it. They lead to those that
// the program would have without us.
#define MEMTRACK_ALLOW_RAW
#include "memtrack/tracked.h"
#include "preload/other_allocator.h"

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): its own begin with __

namespace {

using heapwatch::preload::below;

struct Below {
  static constexpr auto reuse = heapwatch::memtrack::Reuse::impossible;
  static void* malloc(std::size_t size) { return below.malloc(size); }
  static void* calloc(std::size_t count, std::size_t size) { return below.calloc(count, size); }
  static void* realloc(void* block, std::size_t size) { return below.realloc(block, size); }
  static void* aligned_alloc(std::size_t alignment, std::size_t size) {
    return below.aligned_alloc(alignment, size);
  }
  static void free(void* block) { below.free(block); }
  // What a special function of the allocator has made, it also takes back.
  static void free_foreign(void* block) { below.free(block); }
  static void* realloc_foreign(void* block, std::size_t size) { return below.realloc(block, size); }
};

using Program = heapwatch::memtrack::Tracked<Below>;

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
  return Program::reallocarray(block, count, size, {});
}

HEAPWATCH_EXPORT void* memalign(std::size_t alignment, std::size_t size) noexcept {
  return Program::aligned_alloc(alignment, size, {});
}

HEAPWATCH_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return Program::aligned_alloc(alignment, size, {});
}

HEAPWATCH_EXPORT int posix_memalign(void** block, std::size_t alignment,
                                    std::size_t size) noexcept {
  return Program::posix_memalign(block, alignment, size, {});
}

HEAPWATCH_EXPORT void* valloc(std::size_t size) noexcept {
  return Program::valloc(size, {});
}

HEAPWATCH_EXPORT void* pvalloc(std::size_t size) noexcept {
  return Program::pvalloc(size, {});
}

HEAPWATCH_EXPORT std::size_t malloc_usable_size(void* block) noexcept {
  return below.usable_size(block);
}

// NOLINTEND(readability-inconsistent-declaration-parameter-name)
