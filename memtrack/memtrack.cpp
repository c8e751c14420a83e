#define MEMTRACK_ALLOW_RAW
#include "memtrack/memtrack.h"

#include <errno.h>
#include <string.h>

#include "memtrack/tracked.h"

namespace memtrack = heapwatch::memtrack;

namespace {

struct SystemAllocator {
  static constexpr auto reuse = memtrack::Reuse::possible;
  static void* malloc(std::size_t size) { return ::malloc(size); }
  static void* calloc(std::size_t count, std::size_t size) { return ::calloc(count, size); }
  static void* realloc(void* block, std::size_t size) { return ::realloc(block, size); }
  static void* aligned_alloc(std::size_t alignment, std::size_t size) {
    // The size need not be a multiple of the alignment, as strict allocators want it from
    // aligned_alloc.
    void* block = nullptr;
    const int error =
        posix_memalign(&block, alignment < sizeof block ? sizeof block : alignment, size);
    if (error != 0) {
      errno = error;
      return nullptr;
    }
    return block;
  }
  static void free(void* block) { ::free(block); }
  static void free_foreign(void* block) { ::free(block); }
  static void* realloc_foreign(void* block, std::size_t size) { return ::realloc(block, size); }
};

using System = memtrack::Tracked<SystemAllocator>;

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): declared in the header
// with the reason

void* _malloc(size_t sz) noexcept {
  return System::malloc(sz, {});
}

void* _calloc(size_t count, size_t sz) noexcept {
  return System::calloc(count, sz, {});
}

void* _realloc(void* ptr, size_t sz) noexcept {
  return System::realloc(ptr, sz, {});
}

void* _aligned_alloc(size_t alignment, size_t sz) noexcept {
  return System::aligned_alloc(alignment, sz, {});
}

void _free(void* ptr) noexcept {
  System::free(ptr, {});
}

void memtrack_free_either(void* ptr) noexcept {
  System::free_either(ptr, {});
}

void _set_memory_tracker_cb(memtrack_callback callback) noexcept {
  memtrack::set_callback(callback);
}

memtrack_callback _get_memory_tracker_cb(void) noexcept {
  return memtrack::callback();
}

// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

char* strdupe(const char* text) noexcept {
  const std::size_t size = strlen(text) + 1;
  void* const copy = System::malloc(size, {});
  return static_cast<char*>(copy == nullptr ? nullptr : memcpy(copy, text, size));
}

void memtrack_enable(int on) noexcept {
  memtrack::set_enabled(on != 0);
}

int memtrack_enabled(void) noexcept {
  const memtrack::Mode mode = memtrack::mode();
  return mode == memtrack::Mode::starting || mode == memtrack::Mode::tracking ||
         mode == memtrack::Mode::observed;
}

memtrack_counters memtrack_stats(void) noexcept {
  return memtrack::total_counters();
}

memtrack_health memtrack_self(void) noexcept {
  return memtrack::health();
}

void memtrack_set_sample_interval(size_t bytes) noexcept {
  memtrack::sampler::set_interval(bytes);
}

size_t memtrack_sample_interval(void) noexcept {
  return memtrack::sampler::interval();
}
