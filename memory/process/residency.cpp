#include "memory/process/residency.h"

#include <algorithm>
#include <utility>

namespace heapwatch::memory::process {

namespace {

std::uint64_t overlap(const Run& run, std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t from = std::max(run.begin, begin);
  const std::uint64_t to = std::min(run.end, end);
  return to > from ? to - from : 0;
}

}  // namespace

Residency::Residency(std::vector<Run> runs, std::vector<Range> swapped)
    : runs_(std::move(runs)), swapped_(std::move(swapped)) {
  before_.reserve(runs_.size() + 1);
  before_.push_back(0);
  for (const Run& run : runs_) {
    before_.push_back(before_.back() + (run.end - run.begin));
  }
}

std::span<const Run> Residency::runs_in(std::uint64_t begin, std::uint64_t end) const {
  const auto first = std::partition_point(runs_.begin(), runs_.end(),
                                          [begin](const Run& run) { return run.end <= begin; });
  const auto last =
      std::partition_point(first, runs_.end(), [end](const Run& run) { return run.begin < end; });
  return {first, last};
}

std::uint64_t Residency::bytes(std::uint64_t begin, std::uint64_t end) const {
  const std::span<const Run> within = runs_in(begin, end);
  if (within.empty()) {
    return 0;
  }
  const auto first = static_cast<std::size_t>(within.data() - runs_.data());
  const std::size_t last = first + within.size() - 1;
  if (first == last) {
    return overlap(runs_[first], begin, end);
  }
  return overlap(runs_[first], begin, end) + (before_[last] - before_[first + 1]) +
         overlap(runs_[last], begin, end);
}

bool Residency::is_resident(std::uint64_t address) const {
  return !runs_in(address, address + 1).empty();
}

bool Residency::is_swapped(std::uint64_t address) const {
  const auto found =
      std::partition_point(swapped_.begin(), swapped_.end(),
                           [address](const Range& range) { return range.end <= address; });
  return found != swapped_.end() && found->contains(address);
}

std::uint64_t AscendingResidency::bytes(std::uint64_t begin, std::uint64_t end) {
  while (next_ < runs_.size() && runs_[next_].end <= begin) {
    ++next_;
  }
  std::uint64_t sum = 0;
  for (std::size_t i = next_; i < runs_.size() && runs_[i].begin < end; ++i) {
    sum += overlap(runs_[i], begin, end);
  }
  return sum;
}

}  // namespace heapwatch::memory::process
