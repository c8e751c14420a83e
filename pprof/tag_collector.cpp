#include "pprof/tag_collector.h"

#include <algorithm>

namespace heapwatch::pprof {

void TagCollector::begin_sample(std::span<const Label> labels) {
  std::vector<std::string> texts;
  numbers_.clear();
  for (const Label& label : labels) {
    if (!label.is_number) {
      texts.push_back(std::string(profile_.text(label.key)) + ":" +
                      std::string(profile_.text(label.text)));
    } else if (label.key == bytes_key_) {
      numbers_.push_back(
          {names_.add(options_.format_tag(label.number, options_.bytes_unit)), label.number});
    }
  }
  std::sort(texts.begin(), texts.end());
  std::string joined;
  for (const std::string& text : texts) {
    // The two characters by which a picture's label goes to the next line.
    joined += (joined.empty() ? "" : "\\n") + text;
  }
  group_ = names_.add(joined);
}

Tag& TagCollector::find(std::vector<Tag>& tags, std::uint32_t node, StringId name,
                        std::int64_t value) {
  const bool is_number = name != no_index;
  const auto next = static_cast<std::uint32_t>(keys_.size());
  const std::uint32_t at =
      index_.find_or_add(hash_word(hash_word(node, group_), name), next, [&](std::uint32_t other) {
        const Key& key = keys_[other];
        return key.node == node && key.group == group_ && key.name == name;
      });
  if (at == next) {
    keys_.push_back({node, group_, name, static_cast<std::uint32_t>(tags.size())});
    Tag& tag = tags.emplace_back();
    tag.name = names_[is_number ? name : group_];
    tag.unit = is_number ? options_.bytes_unit : "";
    tag.value = value;
    tag.group = group_;
  }
  return tags[keys_[at].position];
}

void TagCollector::add(Graph& graph, std::uint32_t node, const Weight& weight, bool is_flat) {
  const auto side = is_flat ? &Tag::flat : &Tag::cum;
  if (group_ != 0) {
    // no_index is no name of a number, so the group's own tag cannot be taken for one.
    (find(graph.nodes[node].text_tags, node, no_index, 0).*side).add(weight);
  }
  for (const Number& number : numbers_) {
    (find(graph.nodes[node].number_tags, node, number.name, number.value).*side).add(weight);
  }
}

}  // namespace heapwatch::pprof
