// How long a target that keeps failing is left alone.
#pragma once

#include <chrono>
#include <cstdint>

namespace heapwatch::check::schedule {

/// How many turns a target sits out after `failures` failed runs in a row: none after the first
/// two, then ever more, up to waits of `longest`, and of ten intervals where that is less. The wait
/// is a random one of the upper half of what it may be, so that targets that failed together do not
/// come back together. `longest` of zero: none ever.
[[nodiscard]] std::uint64_t turns_to_sit_out(std::uint64_t failures,
                                             std::chrono::milliseconds interval,
                                             std::chrono::milliseconds longest,
                                             std::uint64_t random);

}  // namespace heapwatch::check::schedule
