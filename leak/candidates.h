// What each space does: the findings before they are put in order.
#pragma once

#include <string>
#include <vector>

#include "leak/judge.h"
#include "leak/signals.h"

namespace heapwatch::leak {

struct Candidates {
  std::vector<Finding> findings;   // in no order; none for what is steady
  std::vector<Signal> signals;     // what was judged
  std::vector<std::string> notes;  // what --ignore has left out, and what is known of ages
};
[[nodiscard]] Candidates candidates_of(const Watch& watch, const JudgeOptions& options);

}  // namespace heapwatch::leak
