// What the file of a program says of whether libheapwatch_preload.so can be loaded into it, asked
// before it starts: a loader that cannot load a library ends the program, and a sanitizer that does
// not come first does, too.
#pragma once

namespace heapwatch::preload {

enum class ProgramKind {
  watchable,  // or nobody knows
  // Runs the same with the library in its environment, which it does not look at.
  linked_statically,
  other_user,  // setuid, setgid or with capabilities: the loader ignores what its user asks for
  // Would complain or end: the library must not be in its environment.
  other_class,    // 32 bits
  other_machine,  // of another architecture
  musl,
  other_library,  // a C library that is neither glibc nor musl
  address_sanitizer,
  thread_sanitizer,
  memory_sanitizer,
  leak_sanitizer,
};

/// Whether a program of this kind runs as it would alone with the library in its environment.
[[nodiscard]] constexpr bool may_be_preloaded(ProgramKind kind) {
  return kind <= ProgramKind::other_user;
}

/// Of the file at a path, or of the interpreter that its first line names. A file that cannot be
/// read is watchable.
///
/// Allocates nothing and changes errno alone, so that a child between vfork and exec may ask.
[[nodiscard]] ProgramKind program_kind(const char* path) noexcept;

/// Of a library that the user has loaded into the program: a sanitizer must come first there, too.
[[nodiscard]] ProgramKind library_kind(const char* path) noexcept;

/// Whether a program asks for a library whose allocator has operators of its own.
[[nodiscard]] bool brings_allocator(const char* path) noexcept;
/// Whether a file is such a library, by its name.
[[nodiscard]] bool is_allocator(const char* path) noexcept;

/// The file that execvp() takes for a name; false when there is none. `search`: as PATH has it;
/// null: the system's own.
[[nodiscard]] bool find_program(const char* name, const char* search, char* path,
                                unsigned long path_bytes) noexcept;

}  // namespace heapwatch::preload
