// Cutting a graph down to what matters, and the order in which its nodes and edges are told.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "pprof/graph.h"
#include "pprof/options.h"

namespace heapwatch::pprof {

/// How many boxes of labels a node of a picture has at most, of each kind.
inline constexpr std::size_t boxes_max = 4;

/// A graph as a report shows it.
struct TrimmedGraph {
  Graph graph;
  std::size_t node_count_before = 0;  // before the limit on their number
  std::size_t dropped_nodes = 0;
  std::size_t dropped_edges = 0;
};

struct TrimOptions {
  std::int64_t nodecount = 0;  // 0: no limit
  double nodefraction = 0;
  double edgefraction = 0;
  bool sort_by_cum = false;
  bool is_picture = false;  // chooses and orders nodes for a drawing, with their tags
  bool is_tree = false;
  EdgeWish::Kind edges = EdgeWish::Kind::all;
  /// Whose edges are wanted when `edges` is `beside`.
  std::function<bool(const NodeInfo&)> is_wanted{};
};

[[nodiscard]] TrimmedGraph trimmed_graph(const GraphBuilder& builder, const StringTable& strings,
                                         const TrimOptions& options);

/// The edges by weight, then by the names at their ends.
void sort_edges(std::vector<std::uint32_t>& edges, const Graph& graph, const StringTable& strings);

/// The tags by flat weight, or by cum.
void sort_tags(std::vector<Tag>& tags, bool by_flat);

}  // namespace heapwatch::pprof
