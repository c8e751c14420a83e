// What each space does: the findings before they are put in order.
#pragma once

#include <string>
#include <vector>

#include "leak/judge.h"
#include "leak/signals.h"

namespace heapwatch::leak {

struct Candidates {
  std::vector<Finding> findings;     // in no order; none for what is steady
  std::vector<Signal> signals;       // what was judged
  std::vector<std::string> ignored;  // what --ignore has left out, in words
};
[[nodiscard]] Candidates candidates_of(const Watch& watch, const JudgeOptions& options);

}  // namespace heapwatch::leak
