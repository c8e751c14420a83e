// The program's operator new and delete: what a check allocates is put on memtrack's books, the
// rest is not.
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

#define MEMTRACK_ALLOW_RAW
#include "memtrack/memtrack.h"

// Outside a component's scope a block is a plain one of the C library, so that the counters of
// `rtloader` tell of checks alone. Who deletes it need not know.

namespace {

[[gnu::always_inline]] inline void* allocate(std::size_t bytes) noexcept {
  return memtrack_current_component() != 0 ? _malloc(bytes) : std::malloc(bytes);
}

[[gnu::always_inline]] inline void* allocate(std::size_t bytes,
                                             std::align_val_t alignment) noexcept {
  const std::size_t boundary = std::max(static_cast<std::size_t>(alignment), sizeof(void*));
  if (memtrack_current_component() != 0) {
    return _aligned_alloc(boundary, bytes);
  }
  void* block = nullptr;
  return posix_memalign(&block, boundary, bytes) == 0 ? block : nullptr;
}

template <typename... Alignment>
[[gnu::always_inline]] inline void* allocate_or_throw(std::size_t bytes, Alignment... alignment) {
  for (;;) {
    if (void* const block = allocate(bytes, alignment...); block != nullptr) {
      return block;
    }
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) {
      throw std::bad_alloc();
    }
    handler();
  }
}

}  // namespace

// The forms for arrays call these as the standard library defines them. Those that do not throw are
// here too, as AddressSanitizer has its own of them, whose blocks only its own delete may take.
void* operator new(std::size_t bytes) {
  return allocate_or_throw(bytes);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_throw(bytes, alignment);
}
void* operator new(std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  return allocate(bytes);
}
void* operator new(std::size_t bytes, std::align_val_t alignment,
                   const std::nothrow_t& /*tag*/) noexcept {
  return allocate(bytes, alignment);
}
void operator delete(void* block) noexcept {
  memtrack_free_either(block);
}
void operator delete(void* block, std::size_t /*bytes*/) noexcept {
  memtrack_free_either(block);
}
void operator delete(void* block, std::align_val_t /*alignment*/) noexcept {
  memtrack_free_either(block);
}
void operator delete(void* block, std::size_t /*bytes*/, std::align_val_t /*alignment*/) noexcept {
  memtrack_free_either(block);
}
