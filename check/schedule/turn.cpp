#include "check/schedule/turn.h"

#include <algorithm>

namespace heapwatch::check::schedule {

namespace {

using std::chrono::nanoseconds;
using std::chrono::system_clock;

/// Moments are this far apart, or a quarter of the interval where that is less.
constexpr nanoseconds moment_spacing_max = std::chrono::milliseconds(250);

/// How long ago the last turn was.
nanoseconds since_turn(system_clock::time_point now, nanoseconds interval, std::uint64_t hash) {
  const std::int64_t spacing =
      std::clamp<std::int64_t>(interval.count() / 4, 1, moment_spacing_max.count());
  const auto place = static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(interval.count()));
  const std::int64_t phase = place - place % spacing;
  const nanoseconds since_epoch = now.time_since_epoch();
  const std::int64_t since = (since_epoch.count() - phase) % interval.count();
  return nanoseconds(since < 0 ? since + interval.count() : since);
}

}  // namespace

system_clock::time_point first_turn(system_clock::time_point now,
                                    std::chrono::milliseconds interval, std::uint64_t hash) {
  return now + (interval - since_turn(now, interval, hash));
}

system_clock::time_point next_turn(system_clock::time_point now, std::chrono::milliseconds interval,
                                   std::uint64_t hash) {
  return first_turn(now + interval / 2, interval, hash);
}

}  // namespace heapwatch::check::schedule
