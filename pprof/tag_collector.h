// Gathers the tags of a graph's nodes while its samples are walked.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "pprof/graph.h"

namespace heapwatch::pprof {

/// The text labels of a sample are one tag together; of its numbers only `bytes` are tags.
class TagCollector {
 public:
  TagCollector(const Profile& profile, const GraphOptions& options)
      : profile_(profile), options_(options), bytes_key_(profile.strings.find("bytes")) {}

  void begin_sample(std::span<const Label> labels);
  /// Adds the sample's weight to the node's tags: to their flat or to their cum.
  void add(Graph& graph, std::uint32_t node, const Weight& weight, bool is_flat);

 private:
  struct Number {
    StringId name;
    std::int64_t value;
  };
  struct Key {
    std::uint32_t node;
    std::uint32_t group;
    StringId name;
    std::uint32_t position;
  };
  Tag& find(std::vector<Tag>& tags, std::uint32_t node, StringId name, std::int64_t value);

  const Profile& profile_;
  const GraphOptions& options_;
  StringId bytes_key_;
  StringTable names_;
  StringId group_ = 0;  // the sample's text labels, joined
  std::vector<Number> numbers_;
  std::vector<Key> keys_;
  HashIndex index_;
};

}  // namespace heapwatch::pprof
