// The order in which the edges and tags of a graph are written.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "pprof/trim.h"
#include "pprof/truncate.h"

namespace heapwatch::pprof {

void sort_edges(std::vector<std::uint32_t>& edges, const Graph& graph, const StringTable& strings) {
  std::sort(edges.begin(), edges.end(), [&](std::uint32_t left, std::uint32_t right) {
    const Edge& a = graph.edges[left];
    const Edge& b = graph.edges[right];
    if (a.weight.sum != b.weight.sum) {
      const std::int64_t a_weight = wrapping_abs(a.weight.sum);
      const std::int64_t b_weight = wrapping_abs(b.weight.sum);
      if (a_weight != b_weight) {
        return a_weight > b_weight;
      }
    }
    const auto name = [&](std::uint32_t node) {
      return printable_name(graph.nodes[node].info, strings);
    };
    if (a.from != b.from) {
      if (const int order = name(a.from).compare(name(b.from)); order != 0) {
        return order < 0;
      }
    }
    if (a.to != b.to) {
      if (const int order = name(a.to).compare(name(b.to)); order != 0) {
        return order < 0;
      }
    }
    return left < right;
  });
}

void sort_tags(std::vector<Tag>& tags, bool by_flat) {
  std::stable_sort(tags.begin(), tags.end(), [&](const Tag& a, const Tag& b) {
    if (!by_flat && a.cum.sum != b.cum.sum) {
      return wrapping_abs(a.cum.sum) > wrapping_abs(b.cum.sum);
    }
    if (a.flat.sum != b.flat.sum) {
      return wrapping_abs(a.flat.sum) > wrapping_abs(b.flat.sum);
    }
    return a.name < b.name;
  });
}

}  // namespace heapwatch::pprof
