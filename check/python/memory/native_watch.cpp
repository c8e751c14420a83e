// The process has a malloc that nobody watches. To see who calls it, the tables of imports of all
// objects are pointed to functions of ours (preload/imports.h), which call malloc and note the
// block. All objects have to take part, the program and this module, too: what one allocates
// another may free. But blocks that these two ask for are not noted: they are heapwatch's own.
//
// What CPython has from malloc is Python's and stands in other books: interpreter_memory.cpp calls
// the functions of `system_allocator`, and so goes past the tables.
//
// Libraries that are loaded later come through dlopen, which is ours, too, and has their tables
// changed as soon as they are there.
#define MEMTRACK_ALLOW_RAW
#include "check/python/memory/native_watch.h"

#include <dlfcn.h>
#include <link.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>

#include "check/python/memory/sampled_heap.h"
#include "check/python/memory/system_allocator.h"
#include "memtrack/tracker.h"
#include "preload/imports.h"
#include "preload/python/alone.h"
#include "preload/python/own_blocks.h"

namespace heapwatch::check::python::memory {

namespace {

namespace own_blocks = preload::python::own;

/// The code of an object.
struct Code {
  std::uintptr_t start = 0;
  std::uintptr_t limit = 0;
  [[nodiscard]] bool has(const void* address) const {
    return reinterpret_cast<std::uintptr_t>(address) - start < limit - start;
  }
};
constinit std::array<Code, 2> own_code{};  // of the program, and of this module

bool is_noted(const void* caller) {
  return !own_code[0].has(caller) && !own_code[1].has(caller) && preload::python::runs_python() &&
         !memtrack::thread_state.busy;
}

void* noted(void* block, std::size_t bytes, const void* caller) {
  if (block != nullptr && is_noted(caller)) {
    own_blocks::record(block, bytes, caller);
  }
  return block;
}

// errno is the caller's: what a note does to it is undone.
class KeepsErrno {
 public:
  KeepsErrno() : before_(errno) {}
  KeepsErrno(const KeepsErrno&) = delete;
  KeepsErrno& operator=(const KeepsErrno&) = delete;
  ~KeepsErrno() { errno = before_; }

 private:
  int before_;
};

void* watched_malloc(std::size_t bytes) {
  void* const block = system_allocator.malloc(bytes);
  const KeepsErrno errno_before;
  return noted(block, bytes, __builtin_return_address(0));
}

void* watched_calloc(std::size_t count, std::size_t bytes) {
  void* const block = system_allocator.calloc(count, bytes);
  const KeepsErrno errno_before;
  return noted(block, count * bytes, __builtin_return_address(0));
}

void* resize(void* block, std::size_t bytes, const void* caller) {
  const own_blocks::Moving moving = own_blocks::begin_move(block);
  void* const moved = system_allocator.realloc(block, bytes);
  const KeepsErrno errno_before;
  if (moved == nullptr && bytes != 0) {
    own_blocks::cancel_move(moving);
    return nullptr;
  }
  own_blocks::finish_move(moving);
  return noted(moved, bytes, caller);
}

void* watched_realloc(void* block, std::size_t bytes) {
  return resize(block, bytes, __builtin_return_address(0));
}

void* watched_reallocarray(void* block, std::size_t count, std::size_t bytes) {
  std::size_t total = 0;
  if (__builtin_mul_overflow(count, bytes, &total)) {
    errno = ENOMEM;
    return nullptr;
  }
  return resize(block, total, __builtin_return_address(0));
}

void watched_free(void* block) {
  const KeepsErrno errno_before;
  own_blocks::forget(block);
  system_allocator.free(block);
}

void* watched_aligned_alloc(std::size_t alignment, std::size_t bytes) {
  void* const block = system_allocator.aligned_alloc(alignment, bytes);
  const KeepsErrno errno_before;
  return noted(block, bytes, __builtin_return_address(0));
}

void* watched_memalign(std::size_t alignment, std::size_t bytes) {
  void* const block = system_allocator.memalign(alignment, bytes);
  const KeepsErrno errno_before;
  return noted(block, bytes, __builtin_return_address(0));
}

int watched_posix_memalign(void** block, std::size_t alignment, std::size_t bytes) {
  const int error = system_allocator.posix_memalign(block, alignment, bytes);
  const KeepsErrno errno_before;
  if (error == 0) {
    (void)noted(*block, bytes, __builtin_return_address(0));
  }
  return error;
}

// The program's operator new asks malloc, and so its delete comes to free.

void* watched_new(std::size_t bytes) {
  return noted(::operator new(bytes), bytes, __builtin_return_address(0));
}

void* watched_new_nothrow(std::size_t bytes, const std::nothrow_t& tag) {
  return noted(::operator new(bytes, tag), bytes, __builtin_return_address(0));
}

void* watched_new_aligned(std::size_t bytes, std::align_val_t alignment) {
  return noted(::operator new(bytes, alignment), bytes, __builtin_return_address(0));
}

bool is_any(const char* path) {
  // Allocators themselves: those of sanitizers.
  return std::strstr(path, "san.so") == nullptr;
}

bool calls_by_name(const char* path) {
  return std::strstr(path, "_ctypes") != nullptr || std::strstr(path, "_cffi") != nullptr;
}

bool is_of_others(const char* path) {
  return is_any(path) && path[0] != '\0' && std::strstr(path, "/heapwatch_python.so") == nullptr;
}

void redirect_all();

void* watched_dlopen(const char* path, int mode) {
  void* const library = dlopen(path, mode);
  if (library != nullptr) {
    redirect_all();
  }
  return library;
}

template <typename Function>
const void* address(Function* function) {
  return reinterpret_cast<const void*>(function);
}

const std::array<preload::Import, 8> everywhere{
    {{"malloc", address(watched_malloc)},
     {"calloc", address(watched_calloc)},
     {"realloc", address(watched_realloc)},
     {"reallocarray", address(watched_reallocarray)},
     {"free", address(watched_free)},
     {"aligned_alloc", address(watched_aligned_alloc)},
     {"memalign", address(watched_memalign)},
     {"posix_memalign", address(watched_posix_memalign)}}};

/// For what calls functions by their names, as ctypes does.
void* watched_dlsym(void* library, const char* name) {
  for (const preload::Import& import : everywhere) {
    if (std::strcmp(import.name, name) == 0) {
      return const_cast<void*>(import.replacement);
    }
  }
  return dlsym(library, name);
}

void redirect_all() {
  // Those of the program and this module lead to ours, which would call themselves.
  const std::array<preload::Import, 7> elsewhere{
      {{"_Znwm", address(watched_new)},
       {"_Znam", address(watched_new)},
       {"_ZnwmRKSt9nothrow_t", address(watched_new_nothrow)},
       {"_ZnamRKSt9nothrow_t", address(watched_new_nothrow)},
       {"_ZnwmSt11align_val_t", address(watched_new_aligned)},
       {"_ZnamSt11align_val_t", address(watched_new_aligned)},
       {"dlopen", address(watched_dlopen)}}};
  preload::redirect_imports(everywhere.data(), everywhere.size(), is_any);
  preload::redirect_imports(elsewhere.data(), elsewhere.size(), is_of_others);
  const preload::Import by_name{"dlsym", address(watched_dlsym)};
  preload::redirect_imports(&by_name, 1, calls_by_name);
}

int note_own_code(dl_phdr_info* object, std::size_t /*bytes*/, void* /*context*/) {
  const bool is_program = object->dlpi_name == nullptr || object->dlpi_name[0] == '\0';
  const auto here = reinterpret_cast<std::uintptr_t>(&note_own_code);
  Code code;
  bool is_here = false;
  for (unsigned i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0) {
      code = {object->dlpi_addr + segment.p_vaddr,
              object->dlpi_addr + segment.p_vaddr + segment.p_memsz};
      is_here = is_here || (here >= code.start && here < code.limit);
    }
  }
  if (is_program) {
    own_code[0] = code;
  } else if (is_here) {
    own_code[1] = code;
  }
  return 0;
}

}  // namespace

base::Result<void> begin_native_watch() {
  if (!preload::python::begin_books(1)) {
    return base::fail(base::ErrorKind::invalid,
                      "the functions of this Python are not to be found: what C code allocates is "
                      "not seen");
  }
  dl_iterate_phdr(note_own_code, nullptr);
  redirect_all();
  keep_books();
  return {};
}

}  // namespace heapwatch::check::python::memory
