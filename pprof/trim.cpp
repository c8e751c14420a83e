#include "pprof/trim.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "pprof/truncate.h"

namespace heapwatch::pprof {
namespace {

std::int64_t cutoff(std::int64_t total, double fraction) {
  return wrapping_abs(truncate_to_int(static_cast<double>(total) * fraction));
}

/// The key by which a node is placed; larger absolute values come first.
struct Rank {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t start_line = 0;
  std::string name;
  std::uint32_t at = 0;

  Rank(std::uint32_t where, const NodeInfo& info, const StringTable& strings)
      : start_line(info.start_line), name(printable_name(info, strings)), at(where) {}

  void by_weight(const Weight& flat, const Weight& cum, const TrimOptions& options) {
    first = wrapping_abs(options.sort_by_cum ? cum.sum : flat.sum);
    last = wrapping_abs(options.sort_by_cum ? flat.sum : cum.sum);
  }
  void by_score(std::int64_t score, const Weight& flat) {
    first = wrapping_abs(score);
    last = wrapping_abs(flat.sum);
  }
  friend bool operator<(const Rank& a, const Rank& b) {
    if (a.first != b.first) {
      return a.first > b.first;
    }
    if (const int order = a.name.compare(b.name); order != 0) {
      return order < 0;
    }
    if (a.last != b.last) {
      return a.last > b.last;
    }
    return std::tie(a.start_line, a.at) < std::tie(b.start_line, b.at);
  }
};

std::vector<std::uint32_t> places_of(std::vector<Rank>& ranks) {
  std::sort(ranks.begin(), ranks.end());
  std::vector<std::uint32_t> places;
  places.reserve(ranks.size());
  for (const Rank& rank : ranks) {
    places.push_back(rank.at);
  }
  return places;
}

/// Sorts the nodes of a graph by what is in the graph.
void sort_nodes(Graph& graph, const StringTable& strings, const TrimOptions& options) {
  std::vector<Rank> ranks;
  ranks.reserve(graph.order.size());
  for (const std::uint32_t at : graph.order) {
    const Node& node = graph.nodes[at];
    Rank& rank = ranks.emplace_back(at, node.info, strings);
    if (options.is_picture) {
      rank.by_score(graph_score(graph, node), node.flat);
    } else {
      rank.by_weight(node.flat, node.cum, options);
    }
  }
  graph.order = places_of(ranks);
}

void trim_tags(std::vector<Tag>& tags, std::int64_t weight_min) {
  std::erase_if(tags, [&](const Tag& tag) {
    return wrapping_abs(tag.flat.sum) < weight_min && wrapping_abs(tag.cum.sum) < weight_min;
  });
}

void trim_tags(Graph& graph, std::int64_t weight_min) {
  for (const std::uint32_t at : graph.order) {
    trim_tags(graph.nodes[at].text_tags, weight_min);
    trim_tags(graph.nodes[at].number_tags, weight_min);
  }
}

void remove_edge(Graph& graph, std::uint32_t edge) {
  std::erase(graph.nodes[graph.edges[edge].from].out, edge);
  std::erase(graph.nodes[graph.edges[edge].to].in, edge);
}

std::size_t trim_edges(Graph& graph, std::int64_t weight_min) {
  if (weight_min == 0) {
    return 0;
  }
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

/// How many nodes are the first `count`, when boxes of tags count too. `boxes_of(i)` says how many
/// tags the node at place i has that weigh anything.
template <typename BoxesOf>
std::size_t picture_count(std::size_t nodes, std::size_t count, const BoxesOf& boxes_of) {
  std::size_t boxes = 0;
  for (std::size_t i = 0; i < nodes; ++i) {
    boxes += std::min<std::size_t>(boxes_of(i), boxes_max) + 1;
    if (boxes >= count) {
      return i + 1;
    }
  }
  return std::min(count, nodes);
}

std::size_t box_count(const std::vector<Tag>& texts, const std::vector<Tag>& numbers) {
  const auto has_flat = [](const Tag& tag) { return tag.flat.sum != 0; };
  return static_cast<std::size_t>(std::count_if(texts.begin(), texts.end(), has_flat) +
                                  std::count_if(numbers.begin(), numbers.end(), has_flat));
}

/// True when the edge's source reaches its end on another way.
bool is_redundant(const Graph& graph, std::uint32_t edge) {
  std::vector<bool> seen(graph.nodes.size());
  std::vector<std::uint32_t> queue = {graph.edges[edge].to};
  seen[queue[0]] = true;
  for (std::size_t i = 0; i < queue.size(); ++i) {
    for (const std::uint32_t in : graph.nodes[queue[i]].in) {
      const std::uint32_t from = graph.edges[in].from;
      if (in == edge || seen[from]) {
        continue;
      }
      if (from == graph.edges[edge].from) {
        return true;
      }
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
      if (!graph.edges[in[j]].is_residual) {
        break;
      }
      if (is_redundant(graph, in[j])) {
        remove_edge(graph, in[j]);
      }
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
      for (const std::uint32_t edge : node.out) {
        graph.nodes[graph.edges[edge].to].in.clear();
      }
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

struct Cutoffs {
  std::int64_t node = 0;
  std::int64_t edge = 0;
};

Cutoffs cutoffs_of(std::int64_t total, const TrimOptions& options) {
  return {cutoff(total, options.nodefraction), cutoff(total, options.edgefraction)};
}

/// Cuts a graph down before its edges are found, so that only those of the nodes that stay are.
class GraphTrimmer {
 public:
  GraphTrimmer(const GraphBuilder& builder, const StringTable& strings, const TrimOptions& options)
      : builder_(builder), strings_(strings), options_(options), weights_(builder.weigh()) {}

  TrimmedGraph run() {
    drop_light_nodes();
    result_.node_count_before = kept_.size();
    const bool is_limited = options_.nodecount > 0;
    const bool is_cut = is_limited && keep_top_nodes();
    Graph& graph = result_.graph;
    graph = builder_.build(set_, weights_, edge_wish());
    // In a picture the edges that went with nodes change what is worth a place.
    sort_nodes(graph, strings_, options_);
    if (options_.is_picture) {
      add_tags();
    }
    trim_tags(graph, cutoffs_.node);
    const std::size_t dropped = trim_edges(graph, cutoffs_.edge);
    // With a limit that cuts no node, edges are dropped without being counted.
    result_.dropped_edges = is_limited && !is_cut ? 0 : dropped;
    if (options_.is_picture) {
      remove_redundant_edges(graph, strings_);
    }
    return std::move(result_);
  }

 private:
  void drop_light_nodes() {
    const std::vector<std::uint32_t> shown = builder_.shown(weights_);
    std::int64_t total = 0;
    for (const std::uint32_t at : shown) {
      total = wrapping_add(total, weights_.flat[at].sum);
    }
    cutoffs_ = cutoffs_of(total, options_);
    for (const std::uint32_t at : shown) {
      if (wrapping_abs(weights_.cum[at].sum) >= cutoffs_.node) {
        kept_.push_back(at);
      }
    }
    result_.dropped_nodes = shown.size() - kept_.size();
    if (result_.dropped_nodes != 0) {
      set_ = only(kept_);
    }
  }

  [[nodiscard]] NodeSet only(const std::vector<std::uint32_t>& identities) const {
    NodeSet set{false, std::vector<bool>(builder_.infos().size())};
    for (const std::uint32_t at : identities) {
      set.kept[at] = true;
    }
    return set;
  }

  /// Keeps the first nodes, and says whether any went.
  bool keep_top_nodes() {
    const auto wanted = static_cast<std::size_t>(options_.nodecount);
    if (!options_.is_picture && kept_.size() <= wanted) {
      return false;
    }
    std::vector<std::int64_t> scores;
    if (options_.is_picture) {
      scores = builder_.scores(set_, weights_);
    }
    std::vector<Rank> ranks;
    ranks.reserve(kept_.size());
    for (const std::uint32_t at : kept_) {
      Rank& rank = ranks.emplace_back(at, builder_.infos()[at], strings_);
      if (options_.is_picture) {
        rank.by_score(scores[at], weights_.flat[at]);
      } else {
        rank.by_weight(weights_.flat[at], weights_.cum[at], options_);
      }
    }
    std::vector<std::uint32_t> order = places_of(ranks);
    const std::size_t count = top_count(order, wanted);
    if (count == kept_.size()) {
      return false;
    }
    order.resize(count);
    set_ = only(order);
    return true;
  }

  [[nodiscard]] std::size_t top_count(const std::vector<std::uint32_t>& order,
                                      std::size_t wanted) const {
    if (!options_.is_picture) {
      return std::min(wanted, order.size());
    }
    // Each node is one box at least.
    const std::size_t most = std::min(wanted, order.size());
    auto tags = builder_.tags({order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most)});
    for (auto& node : tags) {
      trim_tags(node.texts, cutoffs_.node);
      trim_tags(node.numbers, cutoffs_.node);
    }
    return picture_count(order.size(), wanted,
                         [&](std::size_t i) { return box_count(tags[i].texts, tags[i].numbers); });
  }

  [[nodiscard]] EdgeWish edge_wish() const {
    EdgeWish wish{options_.edges, {}};
    if (options_.edges != EdgeWish::Kind::beside) {
      return wish;
    }
    const auto& infos = builder_.infos();
    wish.nodes.is_all = false;
    for (const NodeInfo& info : infos) {
      wish.nodes.kept.push_back(options_.is_wanted(info));
    }
    return wish;
  }

  void add_tags() {
    Graph& graph = result_.graph;
    std::vector<std::uint32_t> identities;
    for (const std::uint32_t at : graph.order) {
      identities.push_back(graph.nodes[at].identity);
    }
    auto tags = builder_.tags(identities);
    for (std::size_t i = 0; i < tags.size(); ++i) {
      Node& node = graph.nodes[graph.order[i]];
      node.text_tags = std::move(tags[i].texts);
      node.number_tags = std::move(tags[i].numbers);
    }
  }

  const GraphBuilder& builder_;
  const StringTable& strings_;
  const TrimOptions& options_;
  NodeWeights weights_;
  std::vector<std::uint32_t> kept_;  // identities that are heavy enough
  NodeSet set_;                      // whose nodes are in the graph
  Cutoffs cutoffs_;
  TrimmedGraph result_;
};

/// Cuts a tree down where it stands.
TrimmedGraph trimmed_tree(const GraphBuilder& builder, const StringTable& strings,
                          const TrimOptions& options) {
  TrimmedGraph result;
  Graph& graph = result.graph;
  graph = builder.build_tree(options.is_picture);
  std::int64_t total = 0;
  for (const std::uint32_t at : graph.order) {
    total = wrapping_add(total, graph.nodes[at].flat.sum);
  }
  const Cutoffs cutoffs = cutoffs_of(total, options);
  std::vector<bool> kept(graph.nodes.size());
  std::size_t kept_count = 0;
  for (const std::uint32_t at : graph.order) {
    kept[at] = wrapping_abs(graph.nodes[at].cum.sum) >= cutoffs.node;
    kept_count += kept[at] ? 1 : 0;
  }
  result.dropped_nodes = graph.order.size() - kept_count;
  if (result.dropped_nodes != 0) {
    trim_tree(graph, kept, strings);
  }
  result.node_count_before = graph.order.size();
  sort_nodes(graph, strings, options);
  if (options.nodecount > 0) {
    trim_tags(graph, cutoffs.node);
    trim_edges(graph, cutoffs.edge);
    const std::size_t wanted = static_cast<std::size_t>(options.nodecount);
    const auto boxes_of = [&](std::size_t i) {
      const Node& node = graph.nodes[graph.order[i]];
      return box_count(node.text_tags, node.number_tags);
    };
    const std::size_t count = options.is_picture
                                  ? picture_count(graph.order.size(), wanted, boxes_of)
                                  : std::min(wanted, graph.order.size());
    if (count != graph.order.size()) {
      kept.assign(graph.nodes.size(), false);
      for (std::size_t i = 0; i < count; ++i) {
        kept[graph.order[i]] = true;
      }
      trim_tree(graph, kept, strings);
      sort_nodes(graph, strings, options);
    }
  }
  trim_tags(graph, cutoffs.node);
  result.dropped_edges = trim_edges(graph, cutoffs.edge);
  if (options.is_picture) {
    remove_redundant_edges(graph, strings);
  }
  return result;
}

}  // namespace

TrimmedGraph trimmed_graph(const GraphBuilder& builder, const StringTable& strings,
                           const TrimOptions& options) {
  if (options.is_tree) {
    return trimmed_tree(builder, strings, options);
  }
  return GraphTrimmer(builder, strings, options).run();
}

}  // namespace heapwatch::pprof
