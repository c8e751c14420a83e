// A judgement as people read it, and as programs do.
#pragma once

#include <string>

#include "leak/judge.h"

namespace heapwatch::leak {

/// Its first line is the answer.
[[nodiscard]] std::string to_text(const Judgement& judgement, const Watch& watch);
/// "heapwatch.leak/1": one object.
[[nodiscard]] std::string to_json(const Judgement& judgement, const Watch& watch);

}  // namespace heapwatch::leak
