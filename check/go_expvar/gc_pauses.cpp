#include "check/go_expvar/gc_pauses.h"

#include <algorithm>

namespace heapwatch::check::go_expvar {

namespace {

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
  slots_.clear();
  for (std::uint64_t n = now.collections - fresh; n < now.collections; ++n) {
    slots_.push_back(static_cast<std::uint32_t>(n % pause_slots));
  }
  return slots_;
}

}  // namespace heapwatch::check::go_expvar
