#include "pprof/trim.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "pprof/truncate.h"

namespace heapwatch::pprof {
namespace {

std::int64_t cutoff(std::int64_t total, double fraction) {
  return wrapping_abs(truncate_to_int(static_cast<double>(total) * fraction));
}

/// How much there is to see in the way the weight of edges is spread.
double entropy(const Graph& graph, const std::vector<std::uint32_t>& edges, std::int64_t self) {
  std::int64_t total = self;
  for (const std::uint32_t at : edges) {
    const std::int64_t weight = graph.edges[at].weight.sum;
    if (weight > 0) total = wrapping_add(total, weight);
  }
  if (total == 0) return 0;
  double score = 0;
  const auto add = [&](std::int64_t weight) {
    const double part = static_cast<double>(wrapping_abs(weight)) / static_cast<double>(total);
    score += -part * std::log2(part);
  };
  for (const std::uint32_t at : edges) add(graph.edges[at].weight.sum);
  if (self > 0) add(self);
  return score;
}

std::int64_t picture_score(const Graph& graph, const Node& node) {
  const double in = node.in.empty() ? 1 : entropy(graph, node.in, 0);
  const double out = node.out.empty() ? 1 : entropy(graph, node.out, node.flat.sum);
  return wrapping_add(truncate_to_int((in + out) * static_cast<double>(node.cum.sum)),
                      node.flat.sum);
}

/// The key by which a node is placed; larger absolute values come first.
struct Rank {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::string name;
  std::uint32_t node = 0;
};

void sort_nodes(Graph& graph, const StringTable& strings, const TrimOptions& options) {
  std::vector<Rank> ranks;
  ranks.reserve(graph.order.size());
  for (const std::uint32_t at : graph.order) {
    const Node& node = graph.nodes[at];
    Rank rank{.name = printable_name(node.info, strings), .node = at};
    rank.last = wrapping_abs(node.flat.sum);
    if (options.is_picture) {
      rank.first = wrapping_abs(picture_score(graph, node));
    } else if (options.sort_by_cum) {
      rank.first = wrapping_abs(node.cum.sum);
    } else {
      rank.first = wrapping_abs(node.flat.sum);
      rank.last = wrapping_abs(node.cum.sum);
    }
    ranks.push_back(std::move(rank));
  }
  std::sort(ranks.begin(), ranks.end(), [&](const Rank& a, const Rank& b) {
    if (a.first != b.first) return a.first > b.first;
    if (const int order = a.name.compare(b.name); order != 0) return order < 0;
    if (a.last != b.last) return a.last > b.last;
    return graph.nodes[a.node].info.start_line < graph.nodes[b.node].info.start_line ||
           (graph.nodes[a.node].info.start_line == graph.nodes[b.node].info.start_line &&
            a.node < b.node);
  });
  for (std::size_t i = 0; i < ranks.size(); ++i) graph.order[i] = ranks[i].node;
}

void trim_tags(Graph& graph, std::int64_t weight_min) {
  const auto is_light = [&](const Tag& tag) {
    return wrapping_abs(tag.flat.sum) < weight_min && wrapping_abs(tag.cum.sum) < weight_min;
  };
  for (const std::uint32_t at : graph.order) {
    std::erase_if(graph.nodes[at].text_tags, is_light);
    std::erase_if(graph.nodes[at].number_tags, is_light);
  }
}

void remove_edge(Graph& graph, std::uint32_t edge) {
  std::erase(graph.nodes[graph.edges[edge].from].out, edge);
  std::erase(graph.nodes[graph.edges[edge].to].in, edge);
}

std::size_t trim_edges(Graph& graph, std::int64_t weight_min) {
  if (weight_min == 0) return 0;
  const auto is_light = [&](std::uint32_t edge) {
    return wrapping_abs(graph.edges[edge].weight.sum) < weight_min;
  };
  std::size_t dropped = 0;
  std::vector<bool> is_shown(graph.nodes.size());
  for (const std::uint32_t at : graph.order) {
    dropped += std::erase_if(graph.nodes[at].in, is_light);
    is_shown[at] = true;
  }
  // An edge into a node that is not shown stays.
  for (Node& node : graph.nodes) {
    std::erase_if(node.out, [&](std::uint32_t edge) {
      return is_shown[graph.edges[edge].to] && is_light(edge);
    });
  }
  return dropped;
}

/// The first `count` nodes; in a picture the boxes of their tags count too.
std::size_t top_nodes(const Graph& graph, std::int64_t count, bool is_picture) {
  const auto wanted = static_cast<std::size_t>(count);
  if (!is_picture) return std::min(wanted, graph.order.size());
  std::size_t boxes = 0;
  for (std::size_t i = 0; i < graph.order.size(); ++i) {
    const Node& node = graph.nodes[graph.order[i]];
    const auto has_flat = [](const Tag& tag) { return tag.flat.sum != 0; };
    const auto tags = static_cast<std::size_t>(
        std::count_if(node.text_tags.begin(), node.text_tags.end(), has_flat) +
        std::count_if(node.number_tags.begin(), node.number_tags.end(), has_flat));
    boxes += std::min(tags, boxes_max) + 1;
    if (boxes >= wanted) return i + 1;
  }
  return std::min(wanted, graph.order.size());
}

/// True when the edge's source reaches its end on another way.
bool is_redundant(const Graph& graph, std::uint32_t edge) {
  std::vector<bool> seen(graph.nodes.size());
  std::vector<std::uint32_t> queue = {graph.edges[edge].to};
  seen[queue[0]] = true;
  for (std::size_t i = 0; i < queue.size(); ++i) {
    for (const std::uint32_t in : graph.nodes[queue[i]].in) {
      const std::uint32_t from = graph.edges[in].from;
      if (in == edge || seen[from]) continue;
      if (from == graph.edges[edge].from) return true;
      seen[from] = true;
      queue.push_back(from);
    }
  }
  return false;
}

void remove_redundant_edges(Graph& graph, const StringTable& strings) {
  for (std::size_t i = graph.order.size(); i-- > 0;) {
    std::vector<std::uint32_t> in = graph.nodes[graph.order[i]].in;
    sort_edges(in, graph, strings);
    for (std::size_t j = in.size(); j-- > 0;) {
      // Nothing heavier than an edge that has to stay goes.
      if (!graph.edges[in[j]].is_residual) break;
      if (is_redundant(graph, in[j])) remove_edge(graph, in[j]);
    }
  }
}

/// Takes nodes out of a tree; what they called is then called by who called them.
void trim_tree(Graph& graph, const std::vector<bool>& kept, const StringTable& strings) {
  std::vector<std::uint32_t> order;
  for (const std::uint32_t at : graph.order) {
    Node& node = graph.nodes[at];
    if (kept[at]) {
      order.push_back(at);
      continue;
    }
    if (node.in.empty()) {
      for (const std::uint32_t edge : node.out) graph.nodes[graph.edges[edge].to].in.clear();
      continue;
    }
    const Edge above = graph.edges[node.in[0]];
    Node& parent = graph.nodes[above.from];
    std::erase(parent.out, node.in[0]);
    for (const std::uint32_t edge : node.out) {
      graph.edges[edge].from = above.from;
      graph.edges[edge].is_residual = true;
      graph.edges[edge].is_inline = graph.edges[edge].is_inline && above.is_inline;
      parent.out.push_back(edge);
    }
  }
  graph.order = std::move(order);
  remove_redundant_edges(graph, strings);
}

class Trimmer {
 public:
  Trimmer(const GraphBuilder& builder, const StringTable& strings, const TrimOptions& options)
      : builder_(builder), strings_(strings), options_(options) {}

  TrimmedGraph run() {
    drop_light_nodes();
    Graph& graph = result_.graph;
    result_.node_count_before = graph.order.size();
    sort_nodes(graph, strings_, options_);
    if (options_.nodecount > 0) {
      trim_tags(graph, node_cutoff_);
      trim_edges(graph, edge_cutoff_);
      keep_top_nodes();
    }
    trim_tags(result_.graph, node_cutoff_);
    result_.dropped_edges = trim_edges(result_.graph, edge_cutoff_);
    if (options_.is_picture) remove_redundant_edges(result_.graph, strings_);
    return std::move(result_);
  }

 private:
  void drop_light_nodes() {
    Graph& graph = result_.graph;
    graph = options_.is_tree ? builder_.build_tree(options_.is_picture)
                             : builder_.build({}, Detail::nodes);
    std::int64_t total = 0;
    for (const std::uint32_t at : graph.order) {
      total = wrapping_add(total, graph.nodes[at].flat.sum);
    }
    node_cutoff_ = cutoff(total, options_.nodefraction);
    edge_cutoff_ = cutoff(total, options_.edgefraction);
    std::vector<bool> kept(graph.nodes.size());
    std::size_t kept_count = 0;
    for (const std::uint32_t at : graph.order) {
      kept[at] = wrapping_abs(graph.nodes[at].cum.sum) >= node_cutoff_;
      kept_count += kept[at] ? 1 : 0;
    }
    result_.dropped_nodes = graph.order.size() - kept_count;
    if (options_.is_tree) {
      if (result_.dropped_nodes != 0) trim_tree(graph, kept, strings_);
    } else if (result_.dropped_nodes != 0) {
      rebuild(kept);
    } else if (options_.detail != Detail::nodes) {
      graph = builder_.build({}, options_.detail);
    }
  }

  void keep_top_nodes() {
    Graph& graph = result_.graph;
    const std::size_t count = top_nodes(graph, options_.nodecount, options_.is_picture);
    if (count == graph.order.size()) return;
    std::vector<bool> kept(graph.nodes.size());
    for (std::size_t i = 0; i < count; ++i) kept[graph.order[i]] = true;
    if (options_.is_tree) {
      trim_tree(graph, kept, strings_);
    } else {
      rebuild(kept);
    }
    sort_nodes(graph, strings_, options_);
  }

  /// Weights are exact only when the samples are walked again.
  void rebuild(const std::vector<bool>& kept) {
    std::vector<bool> identities(builder_.infos().size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (kept[i]) identities[result_.graph.nodes[i].identity] = true;
    }
    result_.graph = builder_.build(identities, options_.detail);
  }

  const GraphBuilder& builder_;
  const StringTable& strings_;
  const TrimOptions& options_;
  TrimmedGraph result_;
  std::int64_t node_cutoff_ = 0;
  std::int64_t edge_cutoff_ = 0;
};

}  // namespace

TrimmedGraph trimmed_graph(const GraphBuilder& builder, const StringTable& strings,
                           const TrimOptions& options) {
  return Trimmer(builder, strings, options).run();
}

void sort_edges(std::vector<std::uint32_t>& edges, const Graph& graph, const StringTable& strings) {
  std::sort(edges.begin(), edges.end(), [&](std::uint32_t left, std::uint32_t right) {
    const Edge& a = graph.edges[left];
    const Edge& b = graph.edges[right];
    if (a.weight.sum != b.weight.sum) {
      const std::int64_t a_weight = wrapping_abs(a.weight.sum);
      const std::int64_t b_weight = wrapping_abs(b.weight.sum);
      if (a_weight != b_weight) return a_weight > b_weight;
    }
    const auto name = [&](std::uint32_t node) {
      return printable_name(graph.nodes[node].info, strings);
    };
    if (a.from != b.from) {
      if (const int order = name(a.from).compare(name(b.from)); order != 0) return order < 0;
    }
    if (a.to != b.to) {
      if (const int order = name(a.to).compare(name(b.to)); order != 0) return order < 0;
    }
    return left < right;
  });
}

void sort_tags(std::vector<Tag>& tags, bool by_flat) {
  std::stable_sort(tags.begin(), tags.end(), [&](const Tag& a, const Tag& b) {
    if (!by_flat && a.cum.sum != b.cum.sum) {
      return wrapping_abs(a.cum.sum) > wrapping_abs(b.cum.sum);
    }
    if (a.flat.sum != b.flat.sum) return wrapping_abs(a.flat.sum) > wrapping_abs(b.flat.sum);
    return a.name < b.name;
  });
}

}  // namespace heapwatch::pprof
