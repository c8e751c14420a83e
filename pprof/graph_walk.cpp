// Walks the stacks of a profile and adds up what nodes and edges weigh.
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

/// One walk over all samples. What is written for each frame stands in small arrays of its own.
class GraphBuilder::Walk {
 public:
  Walk(const GraphBuilder& builder, const std::vector<bool>& kept, Detail detail)
      : builder_(builder), detail_(detail) {
    std::vector<std::uint32_t> position(builder.infos_.size(), no_index);
    for (std::uint32_t i = 0; i < builder.infos_.size(); ++i) {
      if (!kept.empty() && !kept[i]) continue;
      position[i] = static_cast<std::uint32_t>(graph_.nodes.size());
      graph_.nodes.push_back({.info = builder.infos_[i], .identity = i});
    }
    sums_.resize(graph_.nodes.size());
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      sums_[i].takes_edges =
          detail >= Detail::edges ||
          (detail == Detail::inline_edges && builder.is_inlined_[graph_.nodes[i].identity]);
    }
    positions_.reserve(builder.location_nodes_.size());
    for (const std::uint32_t node : builder.location_nodes_) positions_.push_back(position[node]);
    if (detail == Detail::edges_and_tags) tags_.emplace(builder.profile_, builder.options_);
  }

  Graph run() {
    const Samples& samples = builder_.profile_.samples;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const Weight weight = builder_.options_.value.of(samples.values(i));
      if (weight.sum == 0 && weight.divisor == 0) continue;
      ++sample_;
      if (tags_) tags_->begin_sample(samples.labels(i));
      add_stack(samples.frames(i), weight);
    }
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      graph_.nodes[i].cum = sums_[i].cum;
      graph_.nodes[i].flat = sums_[i].flat;
    }
    if (detail_ != Detail::nodes) link_edges(graph_);
    builder_.select_nodes(graph_);
    return std::move(graph_);
  }

 private:
  struct Sums {
    std::uint32_t last_sample = 0;
    bool takes_edges = false;
    Weight cum;
    Weight flat;
  };

  void add_stack(std::span<const std::uint32_t> frames, const Weight& weight) {
    std::uint32_t parent = no_index;
    bool is_residual = false;
    for (std::size_t i = frames.size(); i-- > 0;) {
      const std::uint32_t first = builder_.first_node_[frames[i]];
      const std::uint32_t end = builder_.first_node_[frames[i] + 1];
      for (std::uint32_t at = end; at-- > first;) {
        const std::uint32_t node = positions_[at];
        if (node == no_index) {
          is_residual = true;
          continue;
        }
        Sums& sums = sums_[node];
        if (sums.last_sample != sample_) {
          sums.last_sample = sample_;
          sums.cum.add(weight);
          if (tags_) tags_->add(graph_, node, weight, false);
        }
        if (sums.takes_edges && parent != no_index && parent != node) {
          add_edge(parent, node, weight, is_residual, at + 1 != end);
        }
        parent = node;
        is_residual = false;
      }
    }
    if (parent != no_index && !is_residual) {
      sums_[parent].flat.add(weight);
      if (tags_) tags_->add(graph_, parent, weight, true);
    }
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
    if (edge_last_sample_[at] == sample_) return;
    edge_last_sample_[at] = sample_;
    Edge& edge = graph_.edges[at];
    edge.weight.add(weight);
    edge.is_residual = edge.is_residual || is_residual;
    edge.is_inline = edge.is_inline && is_inline;
  }

  const GraphBuilder& builder_;
  Detail detail_;
  Graph graph_;
  std::uint32_t sample_ = 0;
  std::vector<std::uint32_t> positions_;  // as location_nodes_, but positions in the graph
  std::vector<Sums> sums_;
  HashIndex edge_index_;
  std::vector<std::uint32_t> edge_last_sample_;
  std::optional<TagCollector> tags_;
};

/// The walk that makes a node for each path.
class GraphBuilder::TreeWalk {
 public:
  TreeWalk(const GraphBuilder& builder, bool with_tags) : builder_(builder) {
    if (with_tags) tags_.emplace(builder.profile_, builder.options_);
  }

  Graph run() {
    const Samples& samples = builder_.profile_.samples;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const Weight weight = builder_.options_.value.of(samples.values(i));
      if (weight.sum == 0 && weight.divisor == 0) continue;
      if (tags_) tags_->begin_sample(samples.labels(i));
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
        if (tags_) tags_->add(graph_, node, weight, true);
      }
    }
    link_edges(graph_);
    builder_.select_nodes(graph_);
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
    if (tags_) tags_->add(graph_, at, weight, false);
    if (parent != no_index) {
      Edge& edge = graph_.edges[in_edges_[at]];
      edge.weight.add(weight);
      edge.is_inline = edge.is_inline && is_inline;
    }
    return at;
  }

  const GraphBuilder& builder_;
  Graph graph_;
  HashIndex index_;
  std::vector<std::uint32_t> in_edges_;
  std::optional<TagCollector> tags_;
};

Graph GraphBuilder::build(const std::vector<bool>& kept, Detail detail) const {
  return Walk(*this, kept, detail).run();
}

Graph GraphBuilder::build_tree(bool with_tags) const {
  return TreeWalk(*this, with_tags).run();
}

}  // namespace heapwatch::pprof
