// A look at a process, out of what a survey of its memory and the kernel's counters tell.
#pragma once

#include <cstddef>
#include <string>

#include "leak/looks.h"
#include "memory/survey.h"

namespace heapwatch::leak::process {

/// How many sizes of blocks of each allocator, and how many types, are taken in; those with the
/// most bytes.
struct GroupLimits {
  std::size_t sizes_max = 200;  // what grew may be small at first
  std::size_t types_max = 200;
};

/// All that the survey tells. `at` is for the caller to say.
[[nodiscard]] Look look_of(const memory::Survey& survey, const GroupLimits& limits = {});

/// What /proc tells besides: descriptors, connections, threads, CPU time. What may not be read
/// stays absent. The result is when the process began, in ticks since boot: who the pid is. 0: not
/// known.
unsigned long long add_counters(int pid, Look& look, const std::string& proc = "/proc");

}  // namespace heapwatch::leak::process
