// `operator new` and `operator delete` over malloc and free. Loaded only into programs whose
// allocator has others, which go past malloc: those of the C++ library lead to malloc by
// themselves.
#include <dlfcn.h>

#include <cstddef>
#include <cstdlib>
#include <new>

#define MEMTRACK_ALLOW_RAW
#define HEAPWATCH_EXPORT [[gnu::visibility("default")]]

extern "C" void* memalign(std::size_t alignment, std::size_t size);

namespace {

/// The function that the program would have without us: knows what to do when there is no memory.
template <typename... Arguments>
void* ask_next(const char* name, Arguments... arguments) {
  auto* const next = reinterpret_cast<void* (*)(Arguments...)>(dlsym(RTLD_NEXT, name));
  return next != nullptr ? next(arguments...) : nullptr;
}

}  // namespace

HEAPWATCH_EXPORT void* operator new(std::size_t size) {
  void* const block = std::malloc(size);
  return block != nullptr ? block : ask_next("_Znwm", size);
}
HEAPWATCH_EXPORT void* operator new[](std::size_t size) {
  void* const block = std::malloc(size);
  return block != nullptr ? block : ask_next("_Znam", size);
}
HEAPWATCH_EXPORT void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(size);
}
HEAPWATCH_EXPORT void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(size);
}
HEAPWATCH_EXPORT void* operator new(std::size_t size, std::align_val_t alignment) {
  void* const block = memalign(static_cast<std::size_t>(alignment), size);
  return block != nullptr ? block : ask_next("_ZnwmSt11align_val_t", size, alignment);
}
HEAPWATCH_EXPORT void* operator new[](std::size_t size, std::align_val_t alignment) {
  void* const block = memalign(static_cast<std::size_t>(alignment), size);
  return block != nullptr ? block : ask_next("_ZnamSt11align_val_t", size, alignment);
}
HEAPWATCH_EXPORT void* operator new(std::size_t size, std::align_val_t alignment,
                                    const std::nothrow_t&) noexcept {
  return memalign(static_cast<std::size_t>(alignment), size);
}
HEAPWATCH_EXPORT void* operator new[](std::size_t size, std::align_val_t alignment,
                                      const std::nothrow_t&) noexcept {
  return memalign(static_cast<std::size_t>(alignment), size);
}

HEAPWATCH_EXPORT void operator delete(void* block) noexcept {
  std::free(block);
}
HEAPWATCH_EXPORT void operator delete[](void* block) noexcept {
  std::free(block);
}
HEAPWATCH_EXPORT void operator delete(void* block, const std::nothrow_t&) noexcept {
  std::free(block);
}
HEAPWATCH_EXPORT void operator delete[](void* block, const std::nothrow_t&) noexcept {
  std::free(block);
}
HEAPWATCH_EXPORT void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
HEAPWATCH_EXPORT void operator delete[](void* block, std::size_t) noexcept {
  std::free(block);
}
HEAPWATCH_EXPORT void operator delete(void* block, std::align_val_t) noexcept {
  std::free(block);
}
HEAPWATCH_EXPORT void operator delete[](void* block, std::align_val_t) noexcept {
  std::free(block);
}
HEAPWATCH_EXPORT void operator delete(void* block, std::align_val_t,
                                      const std::nothrow_t&) noexcept {
  std::free(block);
}
HEAPWATCH_EXPORT void operator delete[](void* block, std::align_val_t,
                                        const std::nothrow_t&) noexcept {
  std::free(block);
}
HEAPWATCH_EXPORT void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  std::free(block);
}
HEAPWATCH_EXPORT void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
  std::free(block);
}
