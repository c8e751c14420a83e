// Profiles of a process that can be had without harm to it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "check/memory/leak_places.h"
#include "net/http.h"

namespace heapwatch::check::memory {

/// As pprof reads it.
struct TakenProfile {
  std::string kind;  // "go", "native", "python"
  std::string bytes;
};

/// Of a Go program its heap, where `page` says at which address it tells its counters; of a program
/// under `heapwatch exec`, and of this process, the native memory that is on the books, and by
/// itself that of Python. What cannot be had is left out. Nothing is stopped, and no collection is
/// asked for.
[[nodiscard]] std::vector<TakenProfile> take_profiles(int pid,
                                                      const std::optional<net::HttpRequest>& page,
                                                      const std::string& proc);

/// The same for who names the stacks that grow.
[[nodiscard]] PlaceSources take_places(int pid, const std::optional<net::HttpRequest>& page,
                                       bool with_goroutines, const std::string& proc);

}  // namespace heapwatch::check::memory
