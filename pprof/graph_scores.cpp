// Which nodes are worth a place in a picture: how the weights of their edges are spread.
//
// A large profile has more edges than there is memory for. So the edges of a part of the nodes are
// gathered and looked at before those of the next.
#include <algorithm>
#include <cmath>
#include <utility>

#include "pprof/graph_walk.h"
#include "pprof/truncate.h"

namespace heapwatch::pprof {
namespace {

// The part of the stacks' own size that may be held of their edges.
constexpr std::size_t edges_part = 4;
constexpr std::size_t edges_min = std::size_t{1} << 19U;

/// Shannon's entropy of weights, of which the positive ones make the whole. `self` is one more.
template <typename Weights>
double entropy(const Weights& weights, std::int64_t self) {
  std::int64_t total = self;
  for (const std::int64_t weight : weights) {
    if (weight > 0) {
      total = wrapping_add(total, weight);
    }
  }
  if (total == 0) {
    return 0;
  }
  double sum = 0;
  const auto add = [&](std::int64_t weight) {
    const double part = static_cast<double>(wrapping_abs(weight)) / static_cast<double>(total);
    sum += -part * std::log2(part);
  };
  for (const std::int64_t weight : weights) {
    add(weight);
  }
  if (self > 0) {
    add(self);
  }
  return sum;
}

}  // namespace

std::int64_t graph_score(const Graph& graph, const Node& node) {
  const auto weights = [&](const std::vector<std::uint32_t>& edges) {
    std::vector<std::int64_t> sums;
    sums.reserve(edges.size());
    for (const std::uint32_t edge : edges) {
      sums.push_back(graph.edges[edge].weight.sum);
    }
    return sums;
  };
  const double spread = (node.in.empty() ? 1 : entropy(weights(node.in), 0)) +
                        (node.out.empty() ? 1 : entropy(weights(node.out), node.flat.sum));
  return wrapping_add(truncate_to_int(spread * static_cast<double>(node.cum.sum)), node.flat.sum);
}

/// Gathers the edges of nodes, some nodes at a time: a place for each step of a stack, sorted by
/// node by counting.
class GraphBuilder::ScoreWalk {
 public:
  ScoreWalk(const GraphBuilder& builder, const NodeSet& nodes)
      : builder_(builder),
        positions_(builder, nodes),
        others_(positions_.identities().size()),
        steps_in_(others_.size()),
        steps_out_(others_.size()) {
    each_step([&](std::uint32_t from, std::uint32_t to, std::uint32_t) {
      ++steps_out_[from];
      ++steps_in_[to];
    });
    steps_max_ =
        std::max(edges_min, frame_count_ * sizeof(std::uint32_t) / edges_part / sizeof(Step));
  }

  std::vector<std::int64_t> run(const NodeWeights& weights) {
    std::vector<double> spread(others_.size());
    spread_of(steps_in_, spread, true, weights);
    spread_of(steps_out_, spread, false, weights);
    std::vector<std::int64_t> scores(builder_.infos_.size());
    for (std::size_t i = 0; i < spread.size(); ++i) {
      const std::uint32_t identity = positions_.identities()[i];
      const auto cum = static_cast<double>(weights.cum[identity].sum);
      scores[identity] = wrapping_add(truncate_to_int(spread[i] * cum), weights.flat[identity].sum);
    }
    return scores;
  }

 private:
  struct Step {
    std::uint32_t other;   // the node at the far end
    std::uint32_t sample;  // whose weight it is
  };
  struct Other {
    std::int64_t sum = 0;
    std::uint32_t last_sample = 0;
    std::uint32_t last_node = no_index;
  };

  /// Calls `visit(from, to, sample)` for each step from node to node in the stacks.
  template <typename Visit>
  void each_step(const Visit& visit) {
    const Samples& samples = builder_.profile_.samples;
    frame_count_ = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const Weight weight = builder_.options_.value.of(samples.values(i));
      if (weight.sum == 0 && weight.divisor == 0) {
        continue;
      }
      std::uint32_t parent = no_index;
      const auto frames = samples.frames(i);
      frame_count_ += frames.size();
      positions_.walk(frames, [&](std::uint32_t node, bool) {
        if (node == no_index) {
          return;
        }
        if (parent != no_index && parent != node) {
          visit(parent, node, static_cast<std::uint32_t>(i));
        }
        parent = node;
      });
    }
  }

  void spread_of(const std::vector<std::size_t>& steps, std::vector<double>& spread, bool is_in,
                 const NodeWeights& weights) {
    std::vector<std::size_t> ends;
    FlatArray<Step> places;
    for (std::uint32_t first = 0; first < others_.size();) {
      ends.clear();
      std::size_t count = 0;
      std::uint32_t last = first;
      while (last < others_.size() && (last == first || count + steps[last] <= steps_max_)) {
        ends.push_back(count);
        count += steps[last++];
      }
      places.truncate(0);
      places.extend(count);
      each_step([&](std::uint32_t from, std::uint32_t to, std::uint32_t sample) {
        const std::uint32_t node = is_in ? to : from;
        if (node < first || node >= last) {
          return;
        }
        places[ends[node - first]++] = {is_in ? from : to, sample};
      });
      for (std::uint32_t node = first; node < last; ++node) {
        const std::size_t end = ends[node - first];
        const auto& sums = edge_weights(node, places.slice(end - steps[node], end));
        const std::int64_t self = is_in ? 0 : weights.flat[positions_.identities()[node]].sum;
        spread[node] += sums.empty() ? 1 : entropy(sums, self);
      }
      first = last;
    }
    // The next direction has the same nodes.
    for (Other& other : others_) {
      other.last_node = no_index;
    }
  }

  /// The weights of a node's edges: each counts once for a stack.
  const std::vector<std::int64_t>& edge_weights(std::uint32_t node, std::span<const Step> steps) {
    touched_.clear();
    for (const Step& step : steps) {
      Other& other = others_[step.other];
      if (other.last_node != node) {
        other = {0, no_index, node};
        touched_.push_back(step.other);
      }
      if (other.last_sample == step.sample) {
        continue;
      }
      other.last_sample = step.sample;
      const auto values = std::as_const(builder_.profile_.samples).values(step.sample);
      other.sum = wrapping_add(other.sum, builder_.options_.value.of(values).sum);
    }
    sums_.clear();
    for (const std::uint32_t other : touched_) {
      sums_.push_back(others_[other].sum);
    }
    return sums_;
  }

  const GraphBuilder& builder_;
  Positions positions_;
  std::vector<Other> others_;
  std::vector<std::size_t> steps_in_;
  std::vector<std::size_t> steps_out_;
  std::size_t frame_count_ = 0;
  std::size_t steps_max_ = 0;
  std::vector<std::uint32_t> touched_;
  std::vector<std::int64_t> sums_;
};

std::vector<std::int64_t> GraphBuilder::scores(const NodeSet& nodes,
                                               const NodeWeights& weights) const {
  return ScoreWalk(*this, nodes).run(weights);
}

}  // namespace heapwatch::pprof
