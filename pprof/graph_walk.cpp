// Walks the stacks of a profile and adds up what nodes and edges weigh.
#include "pprof/graph_walk.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "pprof/graph.h"
#include "pprof/tag_collector.h"

namespace heapwatch::pprof {
namespace {

/// Fills the edge lists of the nodes from the edges.
void link_edges(Graph& graph) {
  for (std::uint32_t i = 0; i < graph.edges.size(); ++i) {
    graph.nodes[graph.edges[i].from].out.push_back(i);
    graph.nodes[graph.edges[i].to].in.push_back(i);
  }
}

}  // namespace

template <bool is_mean>
void GraphBuilder::add_weights(NodeWeights& weights) const {
  struct Seen {
    std::int64_t cum = 0;
    std::uint32_t last_sample = 0;
  };
  const Positions positions(*this, {});
  std::vector<Seen> seen(infos_.size());
  const Samples& samples = profile_.samples;
  std::uint32_t sample = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Weight weight = options_.value.of(samples.values(i));
    if (weight.sum == 0 && weight.divisor == 0) {
      continue;
    }
    ++sample;
    std::uint32_t leaf = no_index;
    positions.walk(samples.frames(i), [&](std::uint32_t node, bool) {
      leaf = node;
      Seen& it = seen[node];
      if (it.last_sample == sample) {
        return;
      }
      it.last_sample = sample;
      it.cum = wrapping_add(it.cum, weight.sum);
      if constexpr (is_mean) {
        std::int64_t& divisor = weights.cum[node].divisor;
        divisor = wrapping_add(divisor, weight.divisor);
      }
    });
    if (leaf != no_index) {
      weights.flat[leaf].add(weight);
    }
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    weights.cum[i].sum = seen[i].cum;
  }
}

NodeWeights GraphBuilder::weigh() const {
  NodeWeights weights{std::vector<Weight>(infos_.size()), std::vector<Weight>(infos_.size())};
  if (options_.value.is_mean) {
    add_weights<true>(weights);
  } else {
    add_weights<false>(weights);
  }
  return weights;
}

/// One walk over all samples that finds the edges between the nodes of a set.
class GraphBuilder::Walk {
 public:
  Walk(const GraphBuilder& builder, const NodeSet& nodes, const NodeWeights& weights,
       const EdgeWish& wish)
      : builder_(builder), positions_(builder, nodes) {
    const auto& identities = positions_.identities();
    graph_.nodes.reserve(identities.size());
    for (const std::uint32_t identity : identities) {
      const auto position = static_cast<std::uint32_t>(graph_.nodes.size());
      Node& node = graph_.nodes.emplace_back();
      node.info = builder.infos_[identity];
      node.identity = identity;
      node.flat = weights.flat[identity];
      node.cum = weights.cum[identity];
      if (builder.is_shown(node.flat, node.cum)) {
        graph_.order.push_back(position);
      }
    }
    choose_edges(wish);
  }

  Graph run() {
    if (std::find(takes_edges_in_.begin(), takes_edges_in_.end(), true) == takes_edges_in_.end()) {
      return std::move(graph_);
    }
    const Samples& samples = builder_.profile_.samples;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const Weight weight = builder_.options_.value.of(samples.values(i));
      if (weight.sum == 0 && weight.divisor == 0) {
        continue;
      }
      ++sample_;
      add_stack(samples.frames(i), weight);
    }
    link_edges(graph_);
    return std::move(graph_);
  }

 private:
  void choose_edges(const EdgeWish& wish) {
    const auto& identities = positions_.identities();
    takes_edges_in_.resize(identities.size(), wish.kind == EdgeWish::Kind::all);
    takes_edges_out_.resize(identities.size());
    for (std::size_t i = 0; i < identities.size(); ++i) {
      if (wish.kind == EdgeWish::Kind::into_inlined) {
        takes_edges_in_[i] = builder_.is_inlined_[identities[i]];
      } else if (wish.kind == EdgeWish::Kind::beside) {
        takes_edges_in_[i] = takes_edges_out_[i] = wish.nodes.has(identities[i]);
      }
    }
  }

  void add_stack(std::span<const std::uint32_t> frames, const Weight& weight) {
    std::uint32_t parent = no_index;
    bool is_residual = false;
    positions_.walk(frames, [&](std::uint32_t node, bool is_inline) {
      if (node == no_index) {
        is_residual = true;
        return;
      }
      if (parent != no_index && parent != node &&
          (takes_edges_in_[node] || takes_edges_out_[parent])) {
        add_edge(parent, node, weight, is_residual, is_inline);
      }
      parent = node;
      is_residual = false;
    });
  }

  void add_edge(std::uint32_t from, std::uint32_t to, const Weight& weight, bool is_residual,
                bool is_inline) {
    const auto next = static_cast<std::uint32_t>(graph_.edges.size());
    const std::uint32_t at =
        edge_index_.find_or_add(hash_word(from, to), next, [&](std::uint32_t other) {
          return graph_.edges[other].from == from && graph_.edges[other].to == to;
        });
    if (at == next) {
      graph_.edges.push_back({from, to, weight, is_residual, is_inline});
      edge_last_sample_.push_back(sample_);
      return;
    }
    // Each edge counts once for a stack, also for what kind of edge it is.
    if (edge_last_sample_[at] == sample_) {
      return;
    }
    edge_last_sample_[at] = sample_;
    Edge& edge = graph_.edges[at];
    edge.weight.add(weight);
    edge.is_residual = edge.is_residual || is_residual;
    edge.is_inline = edge.is_inline && is_inline;
  }

  const GraphBuilder& builder_;
  Positions positions_;
  Graph graph_;
  std::uint32_t sample_ = 0;
  std::vector<bool> takes_edges_in_;
  std::vector<bool> takes_edges_out_;
  HashIndex edge_index_;
  std::vector<std::uint32_t> edge_last_sample_;
};

/// The walk that makes a node for each path.
class GraphBuilder::TreeWalk {
 public:
  TreeWalk(const GraphBuilder& builder, bool with_tags) : builder_(builder) {
    if (with_tags) {
      tags_.emplace(builder.profile_, builder.options_);
    }
  }

  Graph run() {
    const Samples& samples = builder_.profile_.samples;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const Weight weight = builder_.options_.value.of(samples.values(i));
      if (weight.sum == 0 && weight.divisor == 0) {
        continue;
      }
      if (tags_) {
        tags_->begin_sample(samples.labels(i));
      }
      std::uint32_t node = no_index;
      const auto frames = samples.frames(i);
      for (std::size_t frame = frames.size(); frame-- > 0;) {
        const auto nodes = builder_.nodes_of(frames[frame]);
        for (std::size_t at = nodes.size(); at-- > 0;) {
          node = step(node, nodes[at], weight, at + 1 != nodes.size());
        }
      }
      if (node != no_index) {
        graph_.nodes[node].flat.add(weight);
        if (tags_) {
          add_tags(node, weight, true);
        }
      }
    }
    link_edges(graph_);
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (builder_.is_shown(node.flat, node.cum)) {
        graph_.order.push_back(i);
      }
    }
    return std::move(graph_);
  }

 private:
  std::uint32_t step(std::uint32_t parent, std::uint32_t identity, const Weight& weight,
                     bool is_inline) {
    const auto next = static_cast<std::uint32_t>(graph_.nodes.size());
    const std::uint32_t at =
        index_.find_or_add(hash_word(parent, identity), next, [&](std::uint32_t other) {
          return graph_.nodes[other].caller == parent && graph_.nodes[other].identity == identity;
        });
    if (at == next) {
      graph_.nodes.push_back(
          {.info = builder_.infos_[identity], .identity = identity, .caller = parent});
      in_edges_.push_back(no_index);
      if (parent != no_index) {
        in_edges_.back() = static_cast<std::uint32_t>(graph_.edges.size());
        graph_.edges.push_back({.from = parent, .to = at, .is_inline = true});
      }
    }
    graph_.nodes[at].cum.add(weight);
    if (tags_) {
      add_tags(at, weight, false);
    }
    if (parent != no_index) {
      Edge& edge = graph_.edges[in_edges_[at]];
      edge.weight.add(weight);
      edge.is_inline = edge.is_inline && is_inline;
    }
    return at;
  }

  void add_tags(std::uint32_t at, const Weight& weight, bool is_flat) {
    Node& node = graph_.nodes[at];
    tags_->add({at, node.text_tags, node.number_tags}, weight, is_flat);
  }

  const GraphBuilder& builder_;
  Graph graph_;
  HashIndex index_;
  std::vector<std::uint32_t> in_edges_;
  std::optional<TagCollector> tags_;
};

Graph GraphBuilder::build(const NodeSet& nodes, const NodeWeights& weights,
                          const EdgeWish& edges) const {
  return Walk(*this, nodes, weights, edges).run();
}

Graph GraphBuilder::build_tree(bool with_tags) const {
  return TreeWalk(*this, with_tags).run();
}

std::vector<GraphBuilder::Tags> GraphBuilder::tags(
    const std::vector<std::uint32_t>& identities) const {
  NodeSet nodes{false, std::vector<bool>(infos_.size())};
  std::vector<std::uint32_t> result_at(infos_.size());
  for (std::uint32_t i = 0; i < identities.size(); ++i) {
    nodes.kept[identities[i]] = true;
    result_at[identities[i]] = i;
  }
  const Positions positions(*this, nodes);
  std::vector<Tags> tags(identities.size());
  std::vector<std::uint32_t> last_sample(identities.size(), no_index);
  TagCollector collector(profile_, options_);
  const auto add = [&](std::uint32_t position, const Weight& weight, bool is_flat) {
    const std::uint32_t at = result_at[positions.identities()[position]];
    collector.add({at, tags[at].texts, tags[at].numbers}, weight, is_flat);
  };
  const Samples& samples = profile_.samples;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Weight weight = options_.value.of(samples.values(i));
    if (weight.sum == 0 && weight.divisor == 0) {
      continue;
    }
    std::uint32_t leaf = no_index;
    bool has_begun = false;
    positions.walk(samples.frames(i), [&](std::uint32_t node, bool) {
      leaf = node;
      if (node == no_index || last_sample[node] == i) {
        return;
      }
      last_sample[node] = static_cast<std::uint32_t>(i);
      if (!has_begun) {
        collector.begin_sample(samples.labels(i));
      }
      has_begun = true;
      add(node, weight, false);
    });
    if (leaf != no_index) {
      add(leaf, weight, true);
    }
  }
  return tags;
}

}  // namespace heapwatch::pprof
