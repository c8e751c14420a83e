// From a signal to a finding.
#pragma once

#include <string>
#include <vector>

#include "leak/candidates.h"
#include "leak/judge.h"
#include "leak/signals.h"

namespace heapwatch::leak {

/// By the course of the signal, its size, the time it was watched, and the load. Steady where
/// nothing grows.
[[nodiscard]] Finding finding_of(const Signal& signal, const Watch& watch);

/// A finding that nothing can be told yet, and for what reason.
[[nodiscard]] Finding doubt(const Signal& signal, double window, std::string reason);

/// From the first point of a signal to its last one, in seconds.
[[nodiscard]] double window_of(const Signal& signal);

/// Of a finding that counts things: growth and rate in bytes, of which they hold so many.
void in_bytes(Finding& finding, const SeriesResult& counted, double bytes);

/// Of Go: its heap and its goroutines. The signals go to `result`.
[[nodiscard]] std::vector<Finding> go_findings(const Watch& watch, const JudgeOptions& options,
                                               Candidates& result);

}  // namespace heapwatch::leak
