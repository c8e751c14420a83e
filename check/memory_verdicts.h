// What is told of the processes that the check `memory` watches.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "check/check.h"
#include "check/memory/board.h"
#include "check/memory/sightings.h"
#include "net/http.h"

namespace heapwatch::check {

/// Of all instances. Threads: any.
[[nodiscard]] std::vector<memory::ProcessVerdict> memory_verdicts();

/// What is seen of them. Threads: any.
[[nodiscard]] memory::Sightings& memory_sightings();

/// How a process is looked at that no configuration names.
struct MemoryWatch {
  std::chrono::milliseconds walk_interval{10'000};
  std::chrono::milliseconds profile_interval = std::chrono::minutes(10);  // for the history
  double cpu_budget = 0.02;  // of a core, that the looks of all may take
  std::vector<double> leak_windows{120, 600, 3600};
  std::optional<net::HttpRequest> page{};  // of a Go program: where it tells its own counters
};

/// A check `memory` of one process. Its runs fail with not_found when the process has ended.
[[nodiscard]] std::unique_ptr<Check> memory_check_of(int pid, const MemoryWatch& watch);

}  // namespace heapwatch::check
