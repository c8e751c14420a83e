#include "check/schedule/backoff.h"

#include <algorithm>

namespace heapwatch::check::schedule {

namespace {

constexpr std::uint64_t failures_without_wait = 2;
constexpr std::uint64_t wait_turns_max = 10;

}  // namespace

std::uint64_t turns_to_sit_out(std::uint64_t failures, std::chrono::milliseconds interval,
                               std::chrono::milliseconds longest, std::uint64_t random) {
  if (failures <= failures_without_wait || interval.count() <= 0) {
    return 0;
  }
  const std::uint64_t doublings = std::min<std::uint64_t>(failures - failures_without_wait, 32);
  const auto most = static_cast<std::uint64_t>(std::max<std::int64_t>(longest / interval, 0));
  const std::uint64_t wait = std::min({std::uint64_t{1} << doublings, most, wait_turns_max});
  if (wait < 2) {
    return 0;
  }
  const std::uint64_t least = (wait + 1) / 2;
  return least + random % (wait - least + 1) - 1;
}

}  // namespace heapwatch::check::schedule
