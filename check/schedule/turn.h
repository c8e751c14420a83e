// When an instance's turn comes.
#pragma once

#include <chrono>
#include <cstdint>

namespace heapwatch::check::schedule {

/// Turns fall on the moments of wall time whose remainder by `interval` is `hash % interval`,
/// rounded down to a quarter of a second, or of the interval where that is less: targets spread
/// over the interval, a restart moves none of them, and those of a moment share the cost of waking
/// up.

/// The first turn after `now`.
[[nodiscard]] std::chrono::system_clock::time_point first_turn(
    std::chrono::system_clock::time_point now, std::chrono::milliseconds interval,
    std::uint64_t hash);

/// The turn after the one nearest to `now`: a timer that fires a little early or late neither
/// repeats nor loses one.
[[nodiscard]] std::chrono::system_clock::time_point next_turn(
    std::chrono::system_clock::time_point now, std::chrono::milliseconds interval,
    std::uint64_t hash);

}  // namespace heapwatch::check::schedule
