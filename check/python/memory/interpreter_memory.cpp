// The raw domain is replaced and not chained, so that every block of it is one of malloc's, whose
// usable size can be asked for.
#include "check/python/memory/interpreter_memory.h"

#include <malloc.h>

#include <atomic>

#include "check/python/memory/system_allocator.h"
#include "check/python/object.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

namespace heapwatch::check::python::memory {

namespace {

std::atomic<std::uint64_t> inuse = 0;
std::atomic<std::uint64_t> allocated = 0;

void count_allocation(std::uint64_t bytes) {
  inuse.fetch_add(bytes, std::memory_order_relaxed);
  allocated.fetch_add(bytes, std::memory_order_relaxed);
}

void count_free(std::uint64_t bytes) {
  inuse.fetch_sub(bytes, std::memory_order_relaxed);
}

PyObjectArenaAllocator system_arenas;

/// The leak sanitizer knows malloc's blocks alone: what only Python's small objects point to would
/// count as lost.
void show_to_sanitizer([[maybe_unused]] void* arena, [[maybe_unused]] std::size_t size,
                       [[maybe_unused]] bool in_use) {
#if defined(__SANITIZE_ADDRESS__)
  (in_use ? __lsan_register_root_region : __lsan_unregister_root_region)(arena, size);
#endif
}

void* allocate_arena(void* context, std::size_t size) {
  void* const arena = system_arenas.alloc(context, size);
  if (arena != nullptr) {
    count_allocation(size);
    show_to_sanitizer(arena, size, true);
  }
  return arena;
}

void free_arena(void* context, void* arena, std::size_t size) {
  count_free(size);
  show_to_sanitizer(arena, size, false);
  system_arenas.free(context, arena, size);
}

/// Python asks for blocks of no bytes, and wants an address.
std::size_t at_least_one(std::size_t size) {
  return size == 0 ? 1 : size;
}

void* counted(void* block) {
  if (block != nullptr) {
    count_allocation(malloc_usable_size(block));
  }
  return block;
}

void* raw_malloc(void* /*context*/, std::size_t size) {
  return counted(system_allocator.malloc(at_least_one(size)));
}

void* raw_calloc(void* /*context*/, std::size_t count, std::size_t size) {
  const bool nothing = count == 0 || size == 0;
  return counted(system_allocator.calloc(nothing ? 1 : count, nothing ? 1 : size));
}

void* raw_realloc(void* /*context*/, void* block, std::size_t size) {
  const std::size_t before = malloc_usable_size(block);
  void* const moved = system_allocator.realloc(block, at_least_one(size));
  if (moved != nullptr) {
    count_free(before);
    count_allocation(malloc_usable_size(moved));
  }
  return moved;
}

void raw_free(void* /*context*/, void* block) {
  count_free(malloc_usable_size(block));
  system_allocator.free(block);
}

}  // namespace

void count_interpreter_memory() {
  PyObject_GetArenaAllocator(&system_arenas);
  PyObjectArenaAllocator arenas{
      .ctx = system_arenas.ctx, .alloc = allocate_arena, .free = free_arena};
  PyObject_SetArenaAllocator(&arenas);
  PyMemAllocatorEx raw{.ctx = nullptr,
                       .malloc = raw_malloc,
                       .calloc = raw_calloc,
                       .realloc = raw_realloc,
                       .free = raw_free};
  PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &raw);
}

MemoryUse interpreter_memory() {
  return {.inuse_bytes = inuse.load(std::memory_order_relaxed),
          .allocated_bytes = allocated.load(std::memory_order_relaxed)};
}

}  // namespace heapwatch::check::python::memory
