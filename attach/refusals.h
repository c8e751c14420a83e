// Why a process must not be attached to. Pure: a test makes the evidence.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attach/evidence.h"

namespace heapwatch::attach {

enum class Reason {
  ourselves,
  first_process,
  kernel_thread,
  ended,
  other_user,
  yama,
  traced,
  stopped,
  unreadable,
  other_architecture,
  no_libc,
  musl,
  other_libc,
  old_glibc,
  incomplete_libc,
  sanitizer,
  valgrind,
  own_malloc,
  seccomp_strict,
  locked_memory,
  address_space,
  shadow_stack,
  no_proc,
  no_python,
};

struct Refusal {
  Reason reason{};
  std::string why;     // completes "cannot attach to process 12 (name): it ..."
  std::string remedy;  // what would help, as a sentence without a full stop
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

/// Address space that the library's tables and the new thread's stack take at most.
inline constexpr std::uint64_t address_space_needed = std::uint64_t{512} << 20;

/// Everything that speaks against it, the weightiest first; none: it may be tried. A seccomp
/// filter is judged later (attach/seccomp.h): only who traces a process may read it.
[[nodiscard]] std::vector<Refusal> judge(const Evidence& evidence);

/// Why its CPython alone cannot be watched.
[[nodiscard]] std::optional<Refusal> judge_python(const Program& program);
/// Why one is not watched, as a sentence without a full stop; `name`: "CPython 3.14.0".
[[nodiscard]] std::string unknown_python(const std::string& name);
[[nodiscard]] std::string free_threaded_python(const std::string& name);

/// "process 12 (name)".
[[nodiscard]] std::string named(const Evidence& evidence);

/// "cannot attach to process 12 (name): it ...", with the remedies, lines of text.
[[nodiscard]] std::string to_text(const Evidence& evidence, const std::vector<Refusal>& refusals);

/// What an attach would do to this process, lines of text.
[[nodiscard]] std::string plan_text(const Evidence& evidence);

}  // namespace heapwatch::attach
