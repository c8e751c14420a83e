// A running process, read through /proc and process_vm_readv: nothing is written, nothing stopped.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "memory/process/pagemap.h"
#include "memory/process/parse.h"
#include "memory/process/view.h"

namespace heapwatch::memory::process {

/// What could not be looked at, and the one command that allows it.
struct Obstacle {
  std::string what;
  std::string why;
  std::string remedy;
  friend bool operator==(const Obstacle&, const Obstacle&) = default;
};

/// The sums of /proc/PID/smaps_rollup. Units: bytes.
struct Rollup {
  std::uint64_t rss = 0;
  std::uint64_t pss = 0;
  std::uint64_t swap = 0;
  std::uint64_t lazy_free = 0;
  std::uint64_t huge = 0;
};

/// One look at a process: what was seen, and what stood in the way.
struct Sighting {
  std::shared_ptr<const ProcessView> view;
  /// When the mappings could not be read, the view has none, and this says why.
  std::vector<Obstacle> obstacles;
};

struct LiveOptions {
  std::string proc = "/proc";
  PagemapWay pagemap = PagemapWay::best;
  /// From then on no bytes of memory are read: readers end with "not walked".
  std::optional<std::chrono::steady_clock::time_point> until = std::nullopt;
};

/// Looks at a process once. What we may not see is an obstacle, not an error.
///
/// Errors: not_found when there is no such process or it ends meanwhile ("process 12 has ended"),
/// unreachable when it replaces its program or changes its mappings faster than they can be read,
/// refused when /proc hides it from us.
[[nodiscard]] base::Result<Sighting> look_at(int pid, const LiveOptions& options = {});

/// The second reading: what RSS is by now. Errors: as look_at; not_found also when the pid names
/// another program than the view does.
[[nodiscard]] base::Result<Rollup> read_rollup(int pid, const LiveOptions& options = {});

/// Whether the pid still names the program of the view.
[[nodiscard]] bool is_same(const ProcessView& view, const LiveOptions& options = {});

}  // namespace heapwatch::memory::process
