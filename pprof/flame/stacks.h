// The call tree of a profile, cut down to its heaviest frames, for flame graphs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pprof/graph.h"

namespace heapwatch::pprof::flame {

/// A box of a flame graph. Boxes stand in the order of a walk that goes down first.
struct Box {
  std::uint32_t level = 0;     // 0 are the outermost calls
  std::uint32_t frame = 0;     // see Stacks
  std::uint64_t gained = 0;    // the positive values of the samples that come through here
  std::uint64_t lost = 0;      // the negative ones, as what was there before
  std::uint64_t left_out = 0;  // of both, in boxes above this one that are too small to be listed
  [[nodiscard]] std::uint64_t width() const { return gained + lost; }
};

struct Tree {
  std::vector<Box> boxes;
  std::uint64_t gained = 0;
  std::uint64_t lost = 0;
  std::size_t box_count = 0;    // also of those left out
  std::uint64_t width_min = 0;  // of a box that is listed
};

/// The stacks of a profile, sorted, so that any number of trees can be made of them.
///
/// A frame is twice a node's identity in `builder`, and one more where the call was inlined.
class Stacks {
 public:
  Stacks(const Profile& profile, const GraphBuilder& builder);

  /// The tree of one value, with at most `boxes_max` boxes: all those that are not smaller than a
  /// limit found for it. Of the samples that `only` marks; of all where it is empty.
  [[nodiscard]] Tree tree(const SampleValue& value, std::size_t boxes_max,
                          const std::vector<bool>& only = {}) const;

 private:
  template <typename Visit>
  void walk(const SampleValue& value, const std::vector<bool>& only, const Visit& visit) const;
  [[nodiscard]] std::span<const std::uint32_t> stack(std::size_t sample) const {
    return frames_.slice(sample == 0 ? 0 : ends_[sample - 1], ends_[sample]);
  }

  const Profile& profile_;
  FlatArray<std::uint32_t> frames_;  // of all samples, the outermost call first
  FlatArray<std::size_t> ends_;
  std::vector<std::uint32_t> order_;
};

}  // namespace heapwatch::pprof::flame
