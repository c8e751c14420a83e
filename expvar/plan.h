// All paths of an instance as one tree, so that a page is walked once for all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "expvar/path.h"

namespace heapwatch::expvar {

/// Which wanted path of a plan; they are numbered from 0 in the order they were given.
enum class WantedIndex : std::uint32_t {};

/// What to look for, and how much of it to keep.
struct WantedPath {
  Path path;
  /// Matches that are numbers (or read as one) beyond this many are counted and not kept.
  std::size_t numbers_max = std::numeric_limits<std::size_t>::max();
  /// The same for all other values.
  std::size_t others_max = std::numeric_limits<std::size_t>::max();
  /// A path that yields does not get a value which a path of higher rank takes too.
  unsigned rank = 0;
  bool yields = false;
  /// Of an object or array only its text is wanted: nothing in it is read for this path.
  bool whole = false;
};

/// Collects every number of a page, as a path behind all others which yields to any rank.
struct WantedNumbers {
  std::vector<Path> include;  // these values and everything below; none: the whole page
  std::vector<Path> exclude;  // not these and nothing below; stronger than include
  std::size_t numbers_max = std::numeric_limits<std::size_t>::max();
};

/// Immutable. Threads: safe.
class Plan {
 public:
  enum class Node : std::uint32_t {};

  explicit Plan(std::vector<WantedPath> wanted);
  Plan(std::vector<WantedPath> wanted, const WantedNumbers& everything);

  [[nodiscard]] static constexpr Node root() { return Node{0}; }
  /// Appends the nodes one step below `node` that `key` leads to.
  void step(Node node, std::string_view key, std::vector<Node>& out) const;

  /// Whether anything in an object or array at `node` is read.
  [[nodiscard]] bool enters(Node node) const;
  /// Whether any key might.
  [[nodiscard]] bool has_patterns(Node node) const;

  [[nodiscard]] const std::vector<WantedIndex>& wanted_at(Node node) const;
  [[nodiscard]] const WantedPath& wanted(WantedIndex index) const;
  [[nodiscard]] std::size_t wanted_count() const { return wanted_.size(); }

  /// The path that takes every number, or none.
  [[nodiscard]] bool has_auto() const { return has_auto_; }
  [[nodiscard]] WantedIndex wanted_numbers() const;
  [[nodiscard]] bool starts_auto(Node node) const;
  [[nodiscard]] bool stops_auto(Node node) const;

 private:
  struct Edge {
    Segment segment;
    Node child;
  };
  struct NodeData {
    std::vector<Edge> patterns;
    std::vector<WantedIndex> wanted;
    bool has_literals = false;
    bool starts_auto = false;
    bool stops_auto = false;
  };
  struct Slot {
    std::uint64_t hash = 0;
    Node parent{};
    Node child{};  // the root: an empty slot
    std::string key;
  };

  [[nodiscard]] static std::uint64_t hash_of(Node parent, std::string_view key);
  [[nodiscard]] Node child_of(Node parent, std::string_view key) const;
  Node add(const Path& path);
  void add_literal(Node parent, std::string_view key, Node child);

  std::vector<WantedPath> wanted_;
  std::vector<NodeData> nodes_;
  std::vector<Slot> slots_;  // of all literal edges; open addressing, a power of two
  std::size_t literals_ = 0;
  bool has_auto_ = false;
};

}  // namespace heapwatch::expvar
