// Gathers the tags of a graph's nodes while its samples are walked.
#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "pprof/graph.h"

namespace heapwatch::pprof {

/// The text labels of a sample are one tag together; of its numbers only `bytes` are tags.
class TagCollector {
 public:
  TagCollector(const Profile& profile, const GraphOptions& options)
      : profile_(profile), options_(options), bytes_key_(profile.strings.find("bytes")) {}

  /// The tags of one node; `node` tells it from the others.
  struct NodeTags {
    std::uint32_t node;
    std::vector<Tag>& texts;
    std::vector<Tag>& numbers;
  };

  void begin_sample(std::span<const Label> labels);
  /// Adds the sample's weight to the node's tags: to their flat or to their cum.
  void add(const NodeTags& node_tags, const Weight& weight, bool is_flat);

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
  StringId joined(std::span<const Label> texts);

  const Profile& profile_;
  const GraphOptions& options_;
  StringId bytes_key_;
  StringTable names_;
  StringId group_ = 0;  // the sample's text labels, joined
  std::vector<Number> numbers_;
  std::vector<Key> keys_;
  HashIndex index_;
  // Many samples have the same labels, and their texts are made once.
  std::unordered_map<std::int64_t, StringId> number_names_;
  std::vector<std::vector<Label>> known_texts_;
  std::vector<StringId> known_groups_;
  HashIndex texts_index_;
};

}  // namespace heapwatch::pprof
