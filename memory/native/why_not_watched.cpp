#include "memory/native/why_not_watched.h"

namespace heapwatch::memory::native {

std::string_view why_not_watched(preload::ProgramKind kind) {
  using preload::ProgramKind;
  switch (kind) {
    case ProgramKind::watchable:
      return {};
    case ProgramKind::linked_statically:
      return "is linked statically, so nothing can be loaded into it";
    case ProgramKind::other_user:
      return "runs with the rights of another user (setuid, setgid or capabilities), which nothing "
             "may be loaded into";
    case ProgramKind::other_class:
      return "is a program of 32 bits, and heapwatch is one of 64";
    case ProgramKind::other_machine:
      return "is a program for another architecture";
    case ProgramKind::musl:
      return "is linked with musl, and only programs of glibc can be watched";
    case ProgramKind::other_library:
      return "is linked with another C library than glibc, whose programs alone can be watched";
    case ProgramKind::address_sanitizer:
      return "is built with the address sanitizer, which keeps its memory itself";
    case ProgramKind::thread_sanitizer:
      return "is built with the thread sanitizer, which keeps its memory itself";
    case ProgramKind::memory_sanitizer:
      return "is built with the memory sanitizer, which keeps its memory itself";
    case ProgramKind::leak_sanitizer:
      return "is built with the leak sanitizer, which keeps its memory itself";
  }
  return {};
}

}  // namespace heapwatch::memory::native
