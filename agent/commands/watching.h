// How a program is started so that its native memory is watched.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/process/foreground_program.h"
#include "base/error.h"
#include "memory/native/watched_processes.h"

namespace heapwatch::agent::commands {

/// The library that is loaded into programs.
inline constexpr const char* preload_library_name = "libheapwatch_preload.so";

struct Watching {
  std::string library;  // what is loaded into the program; empty: nothing may be
  /// Completes "its memory is not seen: it ..."; empty when it can be watched.
  std::string_view why_not;
  std::string file;  // of the program; empty: not found
};
/// The file of a library of ours, beside the program as it is installed or built. Errors:
/// not_found.
[[nodiscard]] base::Result<std::string> preload_library(const std::string& name);

/// For a program as execvp() finds it. Errors: not_found.
[[nodiscard]] base::Result<Watching> prepare_watching(const std::string& program);

/// "what PROGRAM allocates with the jemalloc that is linked into it is not seen; ..."; empty where
/// there is no such allocator.
[[nodiscard]] std::string not_seen_of(std::string_view allocator, const std::string& program);

/// What it takes to start a program and to be told of its books.
struct WatchedStart {
  std::unique_ptr<process::ForegroundProgram> program;
  std::unique_ptr<memory::native::WatchedProcesses> processes;
};
/// Errors: those of ForegroundProgram::prepare() and WatchedProcesses::start().
[[nodiscard]] base::Result<WatchedStart> prepare_start();

struct WatchingOptions {
  std::uint64_t sample_interval = 0;
  bool dormant = false;       // accounting is off until it is switched on
  bool with_children = true;  // else the program alone is watched
};
/// What the program finds in its environment: ours, and what has it watched, unless it would not
/// run with that. Asked in the program's parent.
/// `socket`: of memory::native::WatchedProcesses.
[[nodiscard]] std::vector<std::string> watched_environment(const Watching& watching,
                                                           const std::string& socket,
                                                           const WatchingOptions& options);

}  // namespace heapwatch::agent::commands
