// An attach from its first look to its end, as a command or a check does it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "attach/evidence.h"
#include "base/error.h"
#include "memory/native/watched_process.h"
#include "preload/injected.h"

namespace heapwatch::attach {

struct SessionOptions {
  std::string library;  // the file
  preload::Python python = preload::Python::automatic;
  std::uint64_t sample_interval = std::uint64_t{512} * 1024;
};

/// What is known of the process, when nothing speaks against it. Errors: those of gather();
/// refused, with everything that does, lines of text.
[[nodiscard]] base::Result<Evidence> look_for_session(int pid, preload::Python python);

/// Whether the library is there, and was loaded with the program.
[[nodiscard]] bool was_preloaded(const Evidence& evidence);

struct Begun {
  bool was_there = false;  // the library, whose accounting was switched on
  double stopped_ms = 0;   // the longest time for which a thread stood still
  int tries = 1;
};
/// Attaches; who and whom is noted in the system's log, before anything is done. Errors: those of
/// the injection; refused, with what the library says.
[[nodiscard]] base::Result<Begun> begin(const Evidence& evidence, const SessionOptions& options);

/// Lets go, which is noted, too. False: nobody was attached. Errors: not_found (the process has
/// ended), refused, those of the injection.
[[nodiscard]] base::Result<bool> end(const Evidence& before, const std::string& library);

/// How long a thread of the program may keep CPython's lock until that is said.
inline constexpr std::chrono::seconds python_limit{5};

/// What became of the hooks on CPython's allocators.
struct PythonAnswer {
  bool is_watched = false;
  std::string sentence;  // for people; empty: there is nothing to say
};
/// Once they are in place, or `limit` is over.
[[nodiscard]] PythonAnswer wait_for_python(const memory::native::WatchedProcess& books,
                                           std::chrono::milliseconds limit = python_limit);
/// Once they are taken away, or `limit` is over. Empty when all went well.
[[nodiscard]] std::string wait_for_end_of_python(const memory::native::WatchedProcess& books,
                                                 std::chrono::milliseconds limit = python_limit);

}  // namespace heapwatch::attach
