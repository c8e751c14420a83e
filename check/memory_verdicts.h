// What is told of the processes that the check `memory` watches.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "check/check.h"
#include "check/memory/board.h"
#include "check/memory/sightings.h"

namespace heapwatch::check {

/// Of all instances. Threads: any.
[[nodiscard]] std::vector<memory::ProcessVerdict> memory_verdicts();

/// What is seen of them. Threads: any.
[[nodiscard]] memory::Sightings& memory_sightings();

/// How a process is looked at that no configuration names.
struct MemoryWatch {
  std::chrono::milliseconds walk_interval{10'000};
  double cpu_budget = 0.02;  // of a core, that the looks of all may take
  std::vector<double> leak_windows{120, 600, 3600};
};

/// A check `memory` of one process. Its runs fail with not_found when the process has ended.
[[nodiscard]] std::unique_ptr<Check> memory_check_of(int pid, const MemoryWatch& watch);

}  // namespace heapwatch::check
