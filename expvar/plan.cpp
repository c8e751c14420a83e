#include "expvar/plan.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace heapwatch::expvar {

namespace {

template <typename Index>
constexpr std::size_t at(Index index) {
  return static_cast<std::size_t>(index);
}

}  // namespace

Plan::Plan(std::vector<WantedPath> wanted) : wanted_(std::move(wanted)), nodes_(1), slots_(8) {
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    const Node node = add(wanted_[i].path);
    nodes_[at(node)].wanted.push_back(static_cast<WantedIndex>(i));
  }
}

Plan::Plan(std::vector<WantedPath> wanted, const WantedNumbers& everything)
    : Plan(std::move(wanted)) {
  wanted_.push_back({.path = {},
                     .numbers_max = everything.numbers_max,
                     .others_max = 0,
                     .rank = 0,
                     .yields = true});
  has_auto_ = true;
  nodes_[0].starts_auto = everything.include.empty();
  for (const Path& path : everything.include) {
    const Node node = add(path);
    nodes_[at(node)].starts_auto = true;
  }
  for (const Path& path : everything.exclude) {
    const Node node = add(path);
    nodes_[at(node)].stops_auto = true;
  }
}

std::uint64_t Plan::hash_of(Node parent, std::string_view key) {
  constexpr std::uint64_t spread = 0x9e3779b97f4a7c15U;
  return std::hash<std::string_view>{}(key) ^ (static_cast<std::uint64_t>(parent) * spread);
}

Plan::Node Plan::child_of(Node parent, std::string_view key) const {
  const std::uint64_t hash = hash_of(parent, key);
  for (std::size_t i = hash & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[i];
    if (slot.child == root() || (slot.hash == hash && slot.parent == parent && slot.key == key)) {
      return slot.child;
    }
  }
}

void Plan::add_literal(Node parent, std::string_view key, Node child) {
  // At most half full, so that a search for what is not there ends soon.
  if (2 * ++literals_ > slots_.size()) {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    literals_ = 1;
    for (const Slot& slot : old) {
      if (slot.child != root()) {
        add_literal(slot.parent, slot.key, slot.child);
      }
    }
  }
  const std::uint64_t hash = hash_of(parent, key);
  std::size_t i = hash & (slots_.size() - 1);
  while (slots_[i].child != root()) {
    i = (i + 1) & (slots_.size() - 1);
  }
  slots_[i] = {.hash = hash, .parent = parent, .child = child, .key = std::string(key)};
  nodes_[at(parent)].has_literals = true;
}

Plan::Node Plan::add(const Path& path) {
  Node node = root();
  for (const Segment& segment : path.segments) {
    Node child = root();
    auto& patterns = nodes_[at(node)].patterns;
    if (segment.is_literal()) {
      child = child_of(node, segment.text());
    } else if (const auto same = std::find_if(
                   patterns.begin(), patterns.end(),
                   [&](const Edge& edge) { return edge.segment.text() == segment.text(); });
               same != patterns.end()) {
      child = same->child;
    }
    if (child == root()) {
      child = static_cast<Node>(nodes_.size());
      if (segment.is_literal()) {
        add_literal(node, segment.text(), child);
      } else {
        patterns.push_back({segment, child});
      }
      nodes_.emplace_back();
    }
    node = child;
  }
  return node;
}

void Plan::step(Node node, std::string_view key, std::vector<Node>& out) const {
  const NodeData& data = nodes_[at(node)];
  if (data.has_literals) {
    if (const Node child = child_of(node, key); child != root()) {
      out.push_back(child);
    }
  }
  for (const Edge& edge : data.patterns) {
    if (edge.segment.matches(key)) {
      out.push_back(edge.child);
    }
  }
}

bool Plan::enters(Node node) const {
  const NodeData& data = nodes_[at(node)];
  return data.has_literals || has_patterns(node) ||
         std::any_of(data.wanted.begin(), data.wanted.end(),
                     [&](WantedIndex index) { return !wanted(index).whole; });
}

bool Plan::has_patterns(Node node) const {
  return !nodes_[at(node)].patterns.empty();
}

const std::vector<WantedIndex>& Plan::wanted_at(Node node) const {
  return nodes_[at(node)].wanted;
}

const WantedPath& Plan::wanted(WantedIndex index) const {
  return wanted_[at(index)];
}

WantedIndex Plan::wanted_numbers() const {
  return static_cast<WantedIndex>(wanted_.size() - 1);
}

bool Plan::starts_auto(Node node) const {
  return nodes_[at(node)].starts_auto;
}

bool Plan::stops_auto(Node node) const {
  return nodes_[at(node)].stops_auto;
}

}  // namespace heapwatch::expvar
