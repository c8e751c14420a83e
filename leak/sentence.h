// Findings in words.
#pragma once

#include <string>

#include "leak/judge.h"

namespace heapwatch::leak {

/// "142 KiB", "-1.2 MiB".
[[nodiscard]] std::string bytes_text(double bytes);
/// "3 h 10 min", "45 s".
[[nodiscard]] std::string duration_text(double seconds);
/// Whether a sentence says how long to look for an answer: who watches anyhow is not to be told.
enum class Advice { given, left_out };
/// "leak in Python: orders.check (orders.py:41), +142 KiB/min (131 to 150), 94 % of RSS growth".
[[nodiscard]] std::string sentence_of(const Finding& finding, const Watch& watch,
                                      Advice advice = Advice::given);
/// "Python", "thread stacks".
[[nodiscard]] std::string space_text(const std::string& space);

}  // namespace heapwatch::leak
