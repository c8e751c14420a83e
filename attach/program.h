// What the memory of a process says of its C library: which one it is, and where in it the
// functions are that an attach needs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "memory/process/view.h"

namespace heapwatch::attach {

enum class Library {
  none,       // no dynamic C library is mapped
  glibc,      // 2.34 or newer: it has dlopen and pthread_create
  old_glibc,  // those are in libraries of their own
  musl,
  other,
};

/// Addresses in the process; 0: there is none.
struct Program {
  Library library = Library::none;
  std::string library_path;
  std::string sanitizer;  // the name of its first function; empty: none
  bool is_under_valgrind = false;
  bool defines_malloc = false;  // in the program itself
  /// The library whose malloc the program uses.
  std::string allocator_path;
  /// CPython, wherever it is: the file; empty: there is none.
  std::string python_path;
  int python_minor = 0;  // 3.minor; 0: not known
  bool python_is_free_threaded = false;
  /// Of our library, when it is there: a file, or what an attach before this one has brought.
  std::string our_library_path;
  /// Its entry.
  std::uint64_t our_entry = 0;

  std::uint64_t dlopen = 0;
  std::uint64_t dlsym = 0;
  std::uint64_t dlerror = 0;
  std::uint64_t pthread_create = 0;
  std::uint64_t pthread_detach = 0;
  std::uint64_t errno_location = 0;
  std::uint64_t system_call = 0;     // a system call instruction with a return behind it
  std::uint64_t sigreturn = 0;       // what a signal handler returns to
  memory::process::Range lock_wait;  // __lll_lock_wait_private
  /// Code in which a thread may hold locks that a new thread needs: the C library, the loader and
  /// the allocator. The first is the C library.
  std::vector<memory::process::Range> guarded;
  memory::process::Range loader;
};

/// Symbols are read from memory, not from files, which may be newer ones by now. Nothing that the
/// process says is trusted; what does not fit stays 0.
[[nodiscard]] Program read_program(const memory::process::ProcessView& view);

}  // namespace heapwatch::attach
