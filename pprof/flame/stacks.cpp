#include "pprof/flame/stacks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

namespace heapwatch::pprof::flame {
namespace {

/// Counts of boxes by width: eight steps for each power of two.
class Widths {
 public:
  void add(std::uint64_t width) { ++counts_[step_of(width)]; }

  /// The smallest width of which at most `most` boxes are.
  [[nodiscard]] std::uint64_t limit(std::size_t most) const {
    std::size_t sum = 0;
    for (std::size_t step = counts_.size(); step-- > 0;) {
      sum += counts_[step];
      if (sum > most) {
        return start_of(step + 1);
      }
    }
    return 0;
  }

 private:
  static constexpr unsigned bits = 3;
  static constexpr std::uint64_t steps = 1U << bits;

  static std::size_t step_of(std::uint64_t width) {
    if (width < steps) {
      return width;
    }
    const unsigned shift = static_cast<unsigned>(std::bit_width(width)) - 1 - bits;
    return (shift + 1) * steps + ((width >> shift) - steps);
  }
  static std::uint64_t start_of(std::size_t step) {
    if (step < steps) {
      return step;
    }
    const std::size_t shift = step / steps - 1;
    if (shift > 63 - bits) {
      return ~std::uint64_t{0};
    }
    return (steps + step % steps) << shift;
  }

  std::array<std::size_t, (64 - bits + 1) * steps> counts_{};
};

std::uint64_t magnitude(std::int64_t value) {
  return value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

}  // namespace

Stacks::Stacks(const Profile& profile, const GraphBuilder& builder) : profile_(profile) {
  const Samples& samples = profile.samples;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto locations = samples.frames(i);
    for (std::size_t at = locations.size(); at-- > 0;) {
      const auto nodes = builder.nodes_of(locations[at]);
      for (std::size_t line = nodes.size(); line-- > 0;) {
        frames_.push_back(nodes[line] * 2 + (line + 1 == nodes.size() ? 0 : 1));
      }
    }
    ends_.push_back(frames_.size());
  }
  order_.resize(samples.size());
  std::iota(order_.begin(), order_.end(), 0U);
  std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    const auto first = stack(a);
    const auto second = stack(b);
    return std::lexicographical_compare(first.begin(), first.end(), second.begin(), second.end());
  });
}

/// Walks the tree. `visit(open, true)` is called when a box was added to `open`, which holds those
/// from the root down to where the walk is, and `visit(open, false)` when its last one is complete,
/// before it is removed.
template <typename Visit>
void Stacks::walk(const SampleValue& value, const std::vector<bool>& only,
                  const Visit& visit) const {
  std::vector<Box> open;
  const auto close_to = [&](std::size_t depth) {
    while (open.size() > depth) {
      const Box box = open.back();
      visit(open, false);
      open.pop_back();
      if (!open.empty()) {
        open.back().gained += box.gained;
        open.back().lost += box.lost;
      }
    }
  };
  for (const std::uint32_t sample : order_) {
    if (!only.empty() && !only[sample]) {
      continue;
    }
    const std::int64_t amount = value.of(profile_.samples.values(sample)).value();
    if (amount == 0) {
      continue;
    }
    const auto frames = stack(sample);
    std::size_t common = 0;
    while (common < frames.size() && common < open.size() && open[common].frame == frames[common]) {
      ++common;
    }
    close_to(common);
    for (std::size_t at = common; at < frames.size(); ++at) {
      open.push_back({static_cast<std::uint32_t>(at), frames[at]});
      visit(open, true);
    }
    if (open.empty()) {
      continue;
    }
    (amount < 0 ? open.back().lost : open.back().gained) += magnitude(amount);
  }
  close_to(0);
}

Tree Stacks::tree(const SampleValue& value, std::size_t boxes_max,
                  const std::vector<bool>& only) const {
  Tree tree;
  Widths widths;
  walk(value, only, [&](const std::vector<Box>& open, bool is_new) {
    if (is_new) {
      return;
    }
    widths.add(open.back().width());
    ++tree.box_count;
    if (open.size() == 1) {
      tree.gained += open.back().gained;
      tree.lost += open.back().lost;
    }
  });
  tree.width_min = widths.limit(boxes_max);
  std::vector<std::size_t> places;
  walk(value, only, [&](std::vector<Box>& open, bool is_new) {
    if (is_new) {
      places.push_back(tree.boxes.size());
      tree.boxes.emplace_back();
      return;
    }
    const Box& box = open.back();
    if (box.width() >= tree.width_min) {
      tree.boxes[places.back()] = box;
    } else {
      // All boxes below it are smaller still and went before it.
      tree.boxes.resize(places.back());
      if (open.size() > 1) {
        open[open.size() - 2].left_out += box.width();
      }
    }
    places.pop_back();
  });
  return tree;
}

}  // namespace heapwatch::pprof::flame
