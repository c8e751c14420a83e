// The call graph of a profile: nodes that stand for functions, files, lines or addresses.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pprof/profile.h"

namespace heapwatch::pprof {

/// What makes a node the node it is.
struct NodeInfo {
  StringId name = 0;
  StringId file = 0;
  StringId object_file = 0;
  std::uint64_t address = 0;
  std::int64_t line = 0;
  std::int64_t column = 0;
  std::int64_t start_line = 0;
  friend bool operator==(const NodeInfo&, const NodeInfo&) = default;
};

/// A value together with what to divide it by, where a mean is asked for.
struct Weight {
  std::int64_t sum = 0;
  std::int64_t divisor = 0;
  void add(const Weight& other) {
    sum = wrapping_add(sum, other.sum);
    divisor = wrapping_add(divisor, other.divisor);
  }
  [[nodiscard]] std::int64_t value() const;
};

/// Labels of the samples of a node, as the boxes beside it in a picture show them.
struct Tag {
  std::string name;
  std::string unit;  // of a numeric tag
  std::int64_t value = 0;
  std::uint32_t group = 0;  // which combination of text labels it goes with; 0 is none
  Weight flat;
  Weight cum;
};

struct Node {
  NodeInfo info{};
  std::uint32_t identity = 0;       // the same for the same info in all graphs of a builder
  std::uint32_t caller = no_index;  // in a call tree: the position of the node above at first
  Weight flat{};                    // of samples that end here
  Weight cum{};                     // of samples that come through here
  std::vector<std::uint32_t> in{};  // positions in Graph::edges
  std::vector<std::uint32_t> out{};
  std::vector<Tag> text_tags{};
  std::vector<Tag> number_tags{};
};

struct Edge {
  std::uint32_t from = 0;  // positions in Graph::nodes
  std::uint32_t to = 0;
  Weight weight{};
  bool is_residual = false;  // it passes over nodes that were left out
  bool is_inline = false;    // each call was inlined
};

struct Graph {
  std::vector<Node> nodes;           // also those that are only passed through
  std::vector<Edge> edges;           // also those taken out of the nodes' lists
  std::vector<std::uint32_t> order;  // the nodes that are shown, by position
};

/// Which value of a sample counts.
struct SampleValue {
  std::size_t index = 0;
  bool is_mean = false;
  [[nodiscard]] Weight of(std::span<const std::int64_t> values) const {
    return {values[index], is_mean ? values[0] : 0};
  }
};

struct GraphOptions {
  SampleValue value;
  bool keep_object_files = false;
  bool drop_negative = false;
  /// Text of a numeric label `bytes`, for the tags.
  std::function<std::string(std::int64_t, const std::string&)> format_tag;
  std::string bytes_unit;
};

/// What the nodes of a builder weigh, by identity. It is the same whichever of them are shown.
struct NodeWeights {
  std::vector<Weight> flat;  // of samples that end there
  std::vector<Weight> cum;   // of samples that come through there
};

/// Some of the nodes of a builder, or all.
struct NodeSet {
  bool is_all = true;
  std::vector<bool> kept{};  // by identity, unless all are
  [[nodiscard]] bool has(std::uint32_t identity) const { return is_all || kept[identity]; }
};

/// Which edges of a graph are wanted; each costs memory.
struct EdgeWish {
  enum class Kind : std::uint8_t {
    none,
    into_inlined,  // into functions that are inlined somewhere
    beside,        // from and to the nodes in `nodes`
    all,
  };
  Kind kind = Kind::none;
  NodeSet nodes{};
};

/// Builds graphs of one profile. The nodes are found once; weigh(), build() and the others walk the
/// samples.
///
/// Ownership: refers to the profile, which must not change while the builder lives.
class GraphBuilder {
 public:
  GraphBuilder(const Profile& profile, GraphOptions options);

  [[nodiscard]] NodeWeights weigh() const;
  /// The identities of the nodes that a report may show: those that weigh anything.
  [[nodiscard]] std::vector<std::uint32_t> shown(const NodeWeights& weights) const;

  /// The graph of these nodes; its order is that of shown().
  [[nodiscard]] Graph build(const NodeSet& nodes, const NodeWeights& weights,
                            const EdgeWish& edges) const;
  /// A tree: a node for each path of calls.
  [[nodiscard]] Graph build_tree(bool with_tags) const;

  /// How much there is to see at each node in a picture of these nodes, by identity: the spread of
  /// the weights of its edges, and its own weight. As graph_score() of build(), but holds only a
  /// part of the edges at a time.
  [[nodiscard]] std::vector<std::int64_t> scores(const NodeSet& nodes,
                                                 const NodeWeights& weights) const;

  /// The tags of the nodes with these identities.
  struct Tags {
    std::vector<Tag> texts;
    std::vector<Tag> numbers;
  };
  [[nodiscard]] std::vector<Tags> tags(const std::vector<std::uint32_t>& identities) const;

  [[nodiscard]] const std::vector<NodeInfo>& infos() const { return infos_; }
  /// The identities of a location's nodes, innermost first.
  [[nodiscard]] std::span<const std::uint32_t> nodes_of(std::uint32_t location) const {
    return {location_nodes_.data() + first_node_[location],
            first_node_[location + 1] - first_node_[location]};
  }

 private:
  class Positions;
  class Walk;
  class TreeWalk;
  class ScoreWalk;
  std::uint32_t add_node(const NodeInfo& info);
  [[nodiscard]] NodeInfo info_of(const Location& location, const Line* line);
  [[nodiscard]] bool is_shown(const Weight& flat, const Weight& cum) const;
  template <bool is_mean>
  void add_weights(NodeWeights& weights) const;

  const Profile& profile_;
  GraphOptions options_;
  std::vector<NodeInfo> infos_;  // by identity
  HashIndex info_index_;
  std::vector<std::uint32_t> location_nodes_;
  std::vector<std::uint32_t> first_node_;
  std::vector<bool> is_inlined_;  // by identity: stands anywhere but last in a location
};

/// The score of GraphBuilder::scores() from the edges of a graph.
[[nodiscard]] std::int64_t graph_score(const Graph& graph, const Node& node);

/// `address name file:line` as far as known, for people.
[[nodiscard]] std::string printable_name(const NodeInfo& info, const StringTable& strings);

/// The parts of printable_name().
[[nodiscard]] std::vector<std::string> name_parts(const NodeInfo& info, std::string_view name,
                                                  std::string_view file,
                                                  std::string_view object_file);

/// The last element of a path, as Go has it: "." for none, "/" for the root.
[[nodiscard]] std::string_view base_name(std::string_view path);

/// The shortest path that is the same by its text: no `//`, `.` and `..` where they can go.
[[nodiscard]] std::string clean_path(std::string_view path);

/// Removes the beginnings of file names that the options name, or that one of `source_path`'s
/// folders ends with.
[[nodiscard]] std::string_view trim_path(std::string_view path, std::string_view trim_path,
                                         std::string_view source_path);

}  // namespace heapwatch::pprof
