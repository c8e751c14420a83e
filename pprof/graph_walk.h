// How the walks over a profile's stacks see its nodes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pprof/graph.h"

namespace heapwatch::pprof {

/// The positions of the nodes of a set in arrays of the set's own, by location.
class GraphBuilder::Positions {
 public:
  Positions(const GraphBuilder& builder, const NodeSet& nodes) : builder_(builder) {
    std::vector<std::uint32_t> position(builder.infos_.size(), no_index);
    for (std::uint32_t i = 0; i < builder.infos_.size(); ++i) {
      if (!nodes.has(i)) {
        continue;
      }
      position[i] = static_cast<std::uint32_t>(identities_.size());
      identities_.push_back(i);
    }
    positions_.reserve(builder.location_nodes_.size());
    for (const std::uint32_t node : builder.location_nodes_) {
      positions_.push_back(position[node]);
    }
    const std::size_t locations = builder.first_node_.size() - 1;
    sole_.reserve(locations);
    for (std::size_t i = 0; i < locations; ++i) {
      sole_.push_back(sole_node(i));
    }
  }

  /// The identity at each position.
  [[nodiscard]] const std::vector<std::uint32_t>& identities() const { return identities_; }

  /// Calls `visit(position, is_inlined)` for each frame of a stack from the root to the leaf;
  /// frames outside the set have position no_index, which may be told once for several.
  template <typename Visit>
  void walk(std::span<const std::uint32_t> frames, const Visit& visit) const {
    for (std::size_t i = frames.size(); i-- > 0;) {
      const std::uint32_t sole = sole_[frames[i]];
      if (sole != several) {
        visit(sole, false);
        continue;
      }
      const std::uint32_t first = builder_.first_node_[frames[i]];
      const std::uint32_t end = builder_.first_node_[frames[i] + 1];
      for (std::uint32_t at = end; at-- > first;) {
        visit(positions_[at], at + 1 != end);
      }
    }
  }

 private:
  static constexpr std::uint32_t several = no_index - 1;

  /// Most locations have one node, or none in the set, and need no look into the lists.
  [[nodiscard]] std::uint32_t sole_node(std::size_t location) const {
    const std::uint32_t first = builder_.first_node_[location];
    const std::uint32_t end = builder_.first_node_[location + 1];
    if (end - first == 1) {
      return positions_[first];
    }
    for (std::uint32_t at = first; at < end; ++at) {
      if (positions_[at] != no_index) {
        return several;
      }
    }
    return no_index;
  }

  const GraphBuilder& builder_;
  std::vector<std::uint32_t> identities_;
  std::vector<std::uint32_t> positions_;  // as location_nodes_
  std::vector<std::uint32_t> sole_;       // by location
};

}  // namespace heapwatch::pprof
