#include "preload/python/arenas.h"

#include <cstddef>

#include "memtrack/books.h"
#include "preload/mappings.h"
#include "preload/python/api.h"
#include "preload/python/domains.h"

namespace heapwatch::preload::python {

namespace {

constinit ArenaAllocator arenas_below{};
constinit bool arenas_are_hooked = false;
constinit bool had_arena = false;

void* alloc_arena(void* context, std::size_t size) {
  if (!had_arena) {
    had_arena = true;
    hook_domains_at_start();
  }
  const MapsForAllocator maps_for_allocator;  // the blocks in it are on the books
  void* const arena = arenas_below.alloc(context, size);
  if (arena != nullptr) {
    memtrack::Interpreter& books = memtrack::books.interpreter;
    books.arenas.fetch_add(1, std::memory_order_relaxed);
    books.arena_bytes.fetch_add(size, std::memory_order_relaxed);
  }
  return arena;
}

void free_arena(void* context, void* arena, std::size_t size) {
  memtrack::Interpreter& books = memtrack::books.interpreter;
  // Under the lock of the interpreter; those from before the hook were not counted.
  if (books.arena_bytes.load(std::memory_order_relaxed) >= size) {
    books.arenas.fetch_sub(1, std::memory_order_relaxed);
    books.arena_bytes.fetch_sub(size, std::memory_order_relaxed);
  }
  arenas_below.free(context, arena, size);
}

}  // namespace

void hook_arenas(bool is_late) noexcept {
  if (arenas_are_hooked) {
    return;
  }
  arenas_are_hooked = true;
  had_arena = is_late;
  api.get_arena_allocator(&arenas_below);
  ArenaAllocator mine = arenas_below;
  mine.alloc = alloc_arena;
  mine.free = free_arena;
  api.set_arena_allocator(&mine);
}

void unhook_arenas() noexcept {
  if (!arenas_are_hooked) {
    return;
  }
  ArenaAllocator now{};
  api.get_arena_allocator(&now);
  if (now.alloc != alloc_arena) {
    return;
  }
  api.set_arena_allocator(&arenas_below);
  arenas_are_hooked = false;
  memtrack::Interpreter& books = memtrack::books.interpreter;
  books.arenas.store(0, std::memory_order_relaxed);
  books.arena_bytes.store(0, std::memory_order_relaxed);
}

}  // namespace heapwatch::preload::python
