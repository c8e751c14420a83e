// Whether a check leaks, by its runs.
//
// What a check keeps is told by the run: what a cache of the first runs holds, and what a bounded
// queue holds once it is full, does not come with each further run. Memory is counted exactly, so
// a few bytes a run are enough to be seen. Where the first runs fill something, the rest is judged
// by itself, as long as it is the larger part.
#pragma once

#include "leak/judge.h"
#include "leak/looks.h"

namespace heapwatch::leak {

/// Fewer runs say nothing.
inline constexpr double runs_min = 10;

/// Of a watch with a check, whose looks were taken after its runs.
[[nodiscard]] Judgement judge_runs(const Watch& watch, const JudgeOptions& options);

}  // namespace heapwatch::leak
