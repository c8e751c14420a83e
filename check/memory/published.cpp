#include "check/memory/published.h"

#include <algorithm>
#include <cmath>

namespace heapwatch::check::memory {

namespace {

using leak::Verdict;

/// Of the shortest window: how long a new verdict has to last at first.
constexpr double hold_share = 0.25;
/// Shortest windows that a doubt has to last: memory that begins to grow is doubtful before it is a
/// leak.
constexpr double doubt_windows = 2;
constexpr std::size_t doublings_max = 16;

/// A leak in another memory is another verdict.
bool is_same(const Opinion& one, const Opinion& other) {
  return one.verdict == other.verdict && (one.verdict != Verdict::leak || one.space == other.space);
}

}  // namespace

double Published::hold(const Opinion& opinion) const {
  if (!knows_ && opinion.verdict != Verdict::leak) {
    return 0;
  }
  double first = told_.verdict == Verdict::leak ? shortest_ : hold_share * shortest_;
  if (opinion.verdict == Verdict::cannot_tell) {
    first = doubt_windows * shortest_;
  }
  return std::min(std::ldexp(first, static_cast<int>(doublings_)), std::max(quiet_, first));
}

std::optional<Change> Published::take(double at, const Opinion& opinion) {
  while (doublings_ > 0 && at - changed_at_ >= quiet_) {
    --doublings_;
    changed_at_ += quiet_;
  }
  if (is_same(opinion, told_)) {
    told_ = opinion;
    next_count_ = 0;
    return std::nullopt;
  }
  if (next_count_ == 0 || !is_same(opinion, next_)) {
    next_count_ = 0;
    next_since_ = at;
  }
  next_ = opinion;
  ++next_count_;
  if (next_count_ < in_a_row || at - next_since_ < hold(opinion)) {
    return std::nullopt;
  }
  const Change change{.before = told_.verdict,
                      .space_before = told_.space,
                      .is_first = !knows_ && opinion.verdict != Verdict::leak};
  told_ = opinion;
  since_ = at;
  next_count_ = 0;
  if (knows_) {
    doublings_ = std::min(doublings_ + 1, doublings_max);
    changed_at_ = at;
  }
  knows_ = true;
  return change;
}

}  // namespace heapwatch::check::memory
