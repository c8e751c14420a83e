// The functions of CPython that are called, as its C API exports them. They are looked up: the
// library is loaded into programs without Python, too.
#pragma once

#include <cstddef>
#include <cstdint>

#include "preload/python/layout.h"

namespace heapwatch::preload::python {

/// PyMemAllocatorEx, the same since 3.5.
struct Allocator {
  void* context;
  void* (*malloc)(void* context, std::size_t size);
  void* (*calloc)(void* context, std::size_t count, std::size_t size);
  void* (*realloc)(void* context, void* block, std::size_t size);
  void (*free)(void* context, void* block);
};

/// PyObjectArenaAllocator, the same since 3.4.
struct ArenaAllocator {
  void* context;
  void* (*alloc)(void* context, std::size_t size);
  void (*free)(void* context, void* arena, std::size_t size);
};

/// PyMemAllocatorDomain.
enum Domain : int { raw = 0, mem = 1, object = 2 };
constexpr unsigned domains = 3;

struct Api {
  void (*get_allocator)(int domain, Allocator* allocator);
  void (*set_allocator)(int domain, Allocator* allocator);
  void (*get_arena_allocator)(ArenaAllocator* allocator);
  void (*set_arena_allocator)(ArenaAllocator* allocator);
  int (*is_initialized)();
  int (*is_finalizing)();
  const char* (*get_version)();
  int (*ensure)();            // the calling thread has the GIL then
  void (*release)(int had);   // and is as it was before
  void* (*current_thread)();  // the state of the thread that runs code; up to 3.11 of any thread
  void* (*this_thread)();     // of the calling thread in the main interpreter
  int (*line_at)(void* code, int offset);
  const void* code_type;
  const void* loop;  // _PyEval_EvalFrameDefault
  int (*track)(unsigned domain, std::uintptr_t address, std::size_t size);
  int (*untrack)(unsigned domain, std::uintptr_t address);
  const Layout* layout;  // null: the version is not known
};

/// Null members until one was found.
extern Api api;

enum class Found {
  none,
  unknown,        // of another version
  free_threaded,  // without one lock for all threads
  known,
};

/// Looks in the program and its libraries or, with an address, in the library that it lies in.
Found find_api(const void* inside) noexcept;
/// The same in all that is loaded, in whatever way.
Found find_api_anywhere() noexcept;

/// Points to what `symbol` is called by in the table of the object that defines it; so code that is
/// linked from now on calls `to`. False when it cannot be changed.
bool redirect(const void* symbol, const char* name, const void* to) noexcept;

}  // namespace heapwatch::preload::python
