#include "check/go_expvar/gc_pauses.h"

#include <algorithm>
#include <array>

namespace heapwatch::check::go_expvar {

namespace {

constexpr std::array<std::uint32_t, 2 * pause_slots> ring_twice = [] {
  std::array<std::uint32_t, 2 * pause_slots> slots{};
  for (std::uint32_t i = 0; i < slots.size(); ++i) {
    slots.at(i) = i % pause_slots;
  }
  return slots;
}();

bool fell(const std::optional<base::Number>& before, const std::optional<base::Number>& now) {
  return before && now && *now < *before;
}

bool same_process(const GcTotals& before, const GcTotals& now) {
  return now.collections >= before.collections && !fell(before.pause_total, now.pause_total) &&
         !fell(before.total_alloc, now.total_alloc);
}

}  // namespace

std::span<const std::uint32_t> GcPauses::advance(const GcTotals& now) {
  const std::uint64_t seen = last_ && same_process(*last_, now) ? last_->collections : 0;
  const std::uint64_t fresh = std::min<std::uint64_t>(now.collections - seen, pause_slots);
  last_ = now;
  return std::span(ring_twice).subspan((now.collections - fresh) % pause_slots, fresh);
}

}  // namespace heapwatch::check::go_expvar
