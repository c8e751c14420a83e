// The functions of the C library that begin programs. A program that would not run with our library
// (musl, a sanitizer, another architecture) gets an environment without it, and the books say of
// each that cannot be watched what it is.
//
// They run in children between fork or vfork and exec, and so allocate nothing and take no lock. A
// child of vfork has the memory of its parent, and writes in its books.
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memtrack/books.h"
#include "preload/attach.h"
#include "preload/owner.h"
#include "preload/program_file.h"

namespace heapwatch::preload {

namespace {

using memtrack::books;
using memtrack::UnwatchedProgram;

constexpr std::size_t entries_max = 4096;
constexpr std::size_t preload_bytes_max = 4096;
constexpr const char* library_prefix = "libheapwatch_preload";

/// The function that the program would call without us, looked up once: before main, since a child
/// of vfork must not.
template <typename Function>
class Next {
 public:
  constexpr explicit Next(const char* name) : name_(name) {}
  void look_up() { found_ = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name_)); }
  Function* get() {
    if (found_ == nullptr) {
      look_up();
    }
    return found_;
  }

 private:
  const char* name_;
  Function* found_ = nullptr;
};

using Strings = char* const*;
constinit Next<int(const char*, Strings, Strings)> next_execve{"execve"};
constinit Next<int(const char*, Strings)> next_execv{"execv"};
constinit Next<int(const char*, Strings)> next_execvp{"execvp"};
constinit Next<int(const char*, Strings, Strings)> next_execvpe{"execvpe"};
constinit Next<int(int, Strings, Strings)> next_fexecve{"fexecve"};
using Spawn = int(pid_t*, const char*, const posix_spawn_file_actions_t*, const posix_spawnattr_t*,
                  Strings, Strings);
constinit Next<Spawn> next_spawn{"posix_spawn"};
constinit Next<Spawn> next_spawnp{"posix_spawnp"};

[[gnu::constructor(102)]] void prepare() {
  next_execve.look_up();
  next_execv.look_up();
  next_execvp.look_up();
  next_execvpe.look_up();
  next_fexecve.look_up();
  next_spawn.look_up();
  next_spawnp.look_up();
}

bool is_variable(const char* entry, const char* name) {
  const std::size_t length = strlen(name);
  return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

bool is_ours(const char* path, std::size_t bytes) {
  const char* name = path;
  for (std::size_t i = 0; i < bytes; ++i) {
    name = path[i] == '/' ? path + i + 1 : name;
  }
  const std::size_t length = strlen(library_prefix);
  return static_cast<std::size_t>(path + bytes - name) >= length &&
         strncmp(name, library_prefix, length) == 0;
}

/// An environment without what has a program watched; for as long as this object lives.
class Without {
 public:
  /// One that is too large stays as it is.
  explicit Without(char* const* all) {
    std::size_t count = 0;
    for (char* const* at = all; at != nullptr && *at != nullptr; ++at) {
      if (is_variable(*at, "LD_PRELOAD")) {
        if (char* const rest = preload_without_ours(*at); rest != nullptr) {
          entries_[count++] = rest;
        }
      } else if (!is_variable(*at, socket_variable) && !is_variable(*at, interval_variable) &&
                 !is_variable(*at, dormant_variable) && !is_variable(*at, only_variable)) {
        entries_[count++] = *at;
      }
      if (count == entries_max) {
        all_ = all;
        return;
      }
    }
    entries_[count] = nullptr;
    all_ = entries_;
  }
  [[nodiscard]] char* const* get() const { return all_; }

 private:
  /// Null when nothing is left.
  char* preload_without_ours(char* entry) {
    if (strlen(entry) >= sizeof preload_) {
      return entry;
    }
    const std::size_t head = strlen("LD_PRELOAD=");
    memcpy(preload_, entry, head);
    std::size_t end = head;
    for (const char* at = entry + head; *at != '\0';) {
      const std::size_t bytes = strcspn(at, ": ");
      if (bytes > 0 && !is_ours(at, bytes)) {
        if (end > head) {
          preload_[end++] = ':';
        }
        memcpy(preload_ + end, at, bytes);
        end += bytes;
      }
      at += bytes;
      at += *at == '\0' ? 0 : 1;
    }
    preload_[end] = '\0';
    return end == head ? nullptr : preload_;
  }

  char* const* all_;
  char* entries_[entries_max + 1];
  char preload_[preload_bytes_max];
};

void write(UnwatchedProgram& program, ProgramKind kind, const char* path) {
  program.kind = static_cast<std::uint32_t>(kind);
  strncpy(program.path, path, sizeof program.path - 1);
  program.count.store(1, std::memory_order_release);
}

/// Where a program that this process begins is counted; null when there is no room.
UnwatchedProgram* find_or_add(ProgramKind kind, const char* path) {
  constexpr std::uint32_t most = memtrack::Books::unwatched_max;
  const std::uint32_t count = books.unwatched_count.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < count && i < most; ++i) {
    UnwatchedProgram& known = books.unwatched[i];
    if (known.count.load(std::memory_order_acquire) != 0 &&
        known.kind == static_cast<std::uint32_t>(kind) &&
        strncmp(known.path, path, sizeof known.path - 1) == 0) {
      known.count.fetch_add(1, std::memory_order_relaxed);
      return &known;
    }
  }
  const std::uint32_t mine = books.unwatched_count.fetch_add(1, std::memory_order_acq_rel);
  if (mine >= most) {
    return nullptr;
  }
  write(books.unwatched[mine], kind, path);
  return &books.unwatched[mine];
}

/// A program that is about to begin. When it does not begin after all, nothing was noted.
class Beginning {
 public:
  enum class As { another, this_process };
  Beginning(const char* path, As as)
      : kind_(path == nullptr ? ProgramKind::watchable : program_kind(path)) {
    if (kind_ == ProgramKind::watchable) {
      return;
    }
    if (as == As::this_process && owns_books()) {
      noted_ = &books.became;
      write(books.became, kind_, path);
    } else {
      noted_ = find_or_add(kind_, path);
    }
  }
  Beginning(const Beginning&) = delete;
  Beginning& operator=(const Beginning&) = delete;
  ~Beginning() = default;

  [[nodiscard]] bool may_be_preloaded() const { return preload::may_be_preloaded(kind_); }
  /// Hands its result on.
  template <typename Result>
  Result failed(Result result) {
    if (noted_ != nullptr) {
      noted_->count.fetch_sub(1, std::memory_order_relaxed);
    }
    return result;
  }

 private:
  ProgramKind kind_;
  UnwatchedProgram* noted_ = nullptr;
};

/// Calls `as_asked`, or `with` an environment that the program may have.
template <typename AsAsked, typename With>
int begin(Beginning& program, Strings environment, const AsAsked& as_asked, const With& with) {
  if (program.may_be_preloaded()) {
    return as_asked();
  }
  const Without without(environment);
  return with(without.get());
}

/// The file that execvp() takes for a name; null when there is none.
class Found {
 public:
  explicit Found(const char* name) {
    const int before = errno;
    is_found_ = find_program(name, getenv("PATH"), path_, sizeof path_);
    errno = before;
  }
  [[nodiscard]] const char* path() const { return is_found_ ? path_ : nullptr; }

 private:
  bool is_found_;
  char path_[PATH_MAX];
};

template <typename AsAsked>
int become(const char* path, Strings arguments, Strings environment, const AsAsked& as_asked) {
  Beginning program(path, Beginning::As::this_process);
  return program.failed(begin(program, environment, as_asked, [&](Strings allowed) {
    return next_execve.get()(path, arguments, allowed);
  }));
}

template <typename AsAsked>
int become_found(const char* name, Strings arguments, Strings environment,
                 const AsAsked& as_asked) {
  const Found found(name);
  Beginning program(found.path(), Beginning::As::this_process);
  return program.failed(begin(program, environment, as_asked, [&](Strings allowed) {
    return next_execvpe.get()(name, arguments, allowed);
  }));
}

/// `call` takes an environment.
template <typename Call>
int spawn(const char* path, Strings environment, const Call& call) {
  Beginning program(path, Beginning::As::another);
  const int error = begin(
      program, environment, [&] { return call(environment); }, call);
  return error == 0 ? 0 : program.failed(error);
}

/// How many arguments execl() and its kin were given: a null pointer ends them.
std::size_t count_arguments(const char* first, va_list rest) {
  std::size_t count = 0;
  for (const char* next = first; next != nullptr; next = va_arg(rest, const char*)) {
    ++count;
  }
  return count;
}

}  // namespace

}  // namespace heapwatch::preload

#define HEAPWATCH_EXPORT extern "C" [[gnu::visibility("default")]]

namespace preload = heapwatch::preload;

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name,cert-dcl50-cpp): the C library's
HEAPWATCH_EXPORT int execve(const char* path, char* const* arguments,
                            char* const* environment) noexcept {
  return preload::become(path, arguments, environment,
                         [&] { return preload::next_execve.get()(path, arguments, environment); });
}

HEAPWATCH_EXPORT int execv(const char* path, char* const* arguments) noexcept {
  return preload::become(path, arguments, environ,
                         [&] { return preload::next_execv.get()(path, arguments); });
}

HEAPWATCH_EXPORT int execvp(const char* name, char* const* arguments) noexcept {
  return preload::become_found(name, arguments, environ,
                               [&] { return preload::next_execvp.get()(name, arguments); });
}

HEAPWATCH_EXPORT int execvpe(const char* name, char* const* arguments,
                             char* const* environment) noexcept {
  return preload::become_found(name, arguments, environment, [&] {
    return preload::next_execvpe.get()(name, arguments, environment);
  });
}

HEAPWATCH_EXPORT int fexecve(int file, char* const* arguments, char* const* environment) noexcept {
  char path[32] = "/proc/self/fd/";
  char digits[12];
  std::size_t count = 0;
  for (int rest = file; rest > 0 || count == 0; rest /= 10) {
    digits[count++] = static_cast<char>('0' + rest % 10);
  }
  std::size_t end = strlen(path);
  while (count > 0) {
    path[end++] = digits[--count];
  }
  preload::Beginning program(file < 0 ? nullptr : path, preload::Beginning::As::this_process);
  const auto with = [&](char* const* allowed) {
    return preload::next_fexecve.get()(file, arguments, allowed);
  };
  return program.failed(preload::begin(
      program, environment, [&] { return with(environment); }, with));
}

// NOLINTBEGIN(bugprone-macro-parentheses): they are names
/// The arguments as an array, and what follows them.
#define HEAPWATCH_COLLECT(arguments, rest, first)                                              \
  va_list rest;                                                                                \
  va_start(rest, first);                                                                       \
  va_list counted;                                                                             \
  va_copy(counted, rest);                                                                      \
  const std::size_t count = preload::count_arguments(first, counted);                          \
  va_end(counted);                                                                             \
  auto** const arguments = static_cast<char**>(__builtin_alloca((count + 1) * sizeof(char*))); \
  arguments[0] = const_cast<char*>(first);                                                     \
  for (std::size_t i = 1; i <= count; ++i) {                                                   \
    arguments[i] = va_arg(rest, char*);                                                        \
  }
// NOLINTEND(bugprone-macro-parentheses)

HEAPWATCH_EXPORT int execl(const char* path, const char* first, ...) noexcept {
  HEAPWATCH_COLLECT(arguments, rest, first)
  va_end(rest);
  return execv(path, arguments);
}

HEAPWATCH_EXPORT int execlp(const char* name, const char* first, ...) noexcept {
  HEAPWATCH_COLLECT(arguments, rest, first)
  va_end(rest);
  return execvp(name, arguments);
}

HEAPWATCH_EXPORT int execle(const char* path, const char* first, ...) noexcept {
  HEAPWATCH_COLLECT(arguments, rest, first)
  char* const* const environment = va_arg(rest, char* const*);
  va_end(rest);
  return execve(path, arguments, environment);
}

HEAPWATCH_EXPORT int posix_spawn(pid_t* process, const char* path,
                                 const posix_spawn_file_actions_t* actions,
                                 const posix_spawnattr_t* attributes, char* const* arguments,
                                 char* const* environment) {
  return preload::spawn(path, environment, [&](char* const* allowed) {
    return preload::next_spawn.get()(process, path, actions, attributes, arguments, allowed);
  });
}

HEAPWATCH_EXPORT int posix_spawnp(pid_t* process, const char* name,
                                  const posix_spawn_file_actions_t* actions,
                                  const posix_spawnattr_t* attributes, char* const* arguments,
                                  char* const* environment) {
  const preload::Found found(name);
  return preload::spawn(found.path(), environment, [&](char* const* allowed) {
    return preload::next_spawnp.get()(process, name, actions, attributes, arguments, allowed);
  });
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name,cert-dcl50-cpp)
