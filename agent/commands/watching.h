// How a program is started so that its native memory is watched.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace heapwatch::agent::commands {

inline constexpr const char* watching_library = "libheapwatch_preload.so";

struct Watching {
  std::string library;  // what is loaded into the program; empty: nothing may be
  /// Completes "its memory is not seen: it ..."; empty when it can be watched.
  std::string_view why_not;
};
/// For a program as execvp() finds it. Errors: not_found.
[[nodiscard]] base::Result<Watching> prepare_watching(const std::string& program);

/// What the program finds in its environment: ours, and what has it watched, unless it would not
/// run with that. `socket`: of memory::native::WatchedProcesses.
[[nodiscard]] std::vector<std::string> watched_environment(const Watching& watching,
                                                           const std::string& socket,
                                                           std::uint64_t sample_interval);

}  // namespace heapwatch::agent::commands
