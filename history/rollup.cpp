#include "history/rollup.h"

#include <algorithm>

namespace heapwatch::history {

std::optional<Frames> Rollup::add(const Frames& frame) {
  std::optional<Frames> over;
  for (std::size_t i = 0; i < frame.times.size(); ++i) {
    const std::int64_t begin = frame.times[i] - frame.times[i] % span_;
    if (begin != begin_) {
      if (std::optional<Frames> ended = rest(); ended) {
        if (over) {
          append(*over, *ended);
        } else {
          over = std::move(ended);
        }
      }
      values_.clear();
      begin_ = begin;
    }
    take(frame, i);
  }
  return over;
}

void Rollup::take(const Frames& frames, std::size_t frame) {
  for (const Column& column : frames.columns) {
    const std::int64_t last = column.last[frame];
    if (last == absent) {
      continue;
    }
    const Bounds now{.last = last,
                     .least = column.least.empty() ? last : column.least[frame],
                     .greatest = column.greatest.empty() ? last : column.greatest[frame]};
    const auto [place, is_new] = values_.try_emplace(column.series, now);
    if (!is_new) {
      place->second.last = now.last;
      place->second.least = std::min(place->second.least, now.least);
      place->second.greatest = std::max(place->second.greatest, now.greatest);
    }
  }
}

std::optional<Frames> Rollup::rest() const {
  if (values_.empty()) {
    return std::nullopt;
  }
  Frames frames{.times = {begin_ + span_ - 1}, .columns = {}};
  for (const auto& [series, bounds] : values_) {
    frames.columns.push_back({.series = series,
                              .last = {bounds.last},
                              .least = {bounds.least},
                              .greatest = {bounds.greatest}});
  }
  return frames;
}

}  // namespace heapwatch::history
