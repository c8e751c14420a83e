#include "pprof/tag_collector.h"

#include <algorithm>

namespace heapwatch::pprof {

void TagCollector::begin_sample(std::span<const Label> labels) {
  // Texts come before numbers.
  std::size_t text_count = 0;
  while (text_count < labels.size() && !labels[text_count].is_number) {
    ++text_count;
  }
  numbers_.clear();
  for (const Label& label : labels.subspan(text_count)) {
    if (label.key != bytes_key_) {
      continue;
    }
    const auto [known, is_new] = number_names_.try_emplace(label.number, 0);
    if (is_new) {
      known->second = names_.add(options_.format_tag(label.number, options_.bytes_unit));
    }
    numbers_.push_back({known->second, label.number});
  }
  const auto texts = labels.first(text_count);
  std::uint64_t hash = 0;
  for (const Label& label : texts) {
    hash = hash_word(hash_word(hash, label.key), label.text);
  }
  const auto next = static_cast<std::uint32_t>(known_texts_.size());
  const std::uint32_t at = texts_index_.find_or_add(hash, next, [&](std::uint32_t other) {
    return std::equal(texts.begin(), texts.end(), known_texts_[other].begin(),
                      known_texts_[other].end());
  });
  if (at == next) {
    known_texts_.emplace_back(texts.begin(), texts.end());
    known_groups_.push_back(joined(texts));
  }
  group_ = known_groups_[at];
}

StringId TagCollector::joined(std::span<const Label> texts) {
  std::vector<std::string> parts;
  for (const Label& label : texts) {
    parts.push_back(std::string(profile_.text(label.key)) + ":" +
                    std::string(profile_.text(label.text)));
  }
  std::sort(parts.begin(), parts.end());
  std::string all;
  for (const std::string& part : parts) {
    // The two characters by which a picture's label goes to the next line.
    all += (all.empty() ? "" : "\\n") + part;
  }
  return names_.add(all);
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

void TagCollector::add(const NodeTags& node_tags, const Weight& weight, bool is_flat) {
  const auto side = is_flat ? &Tag::flat : &Tag::cum;
  if (group_ != 0) {
    // no_index is no name of a number, so the group's own tag cannot be taken for one.
    (find(node_tags.texts, node_tags.node, no_index, 0).*side).add(weight);
  }
  for (const Number& number : numbers_) {
    (find(node_tags.numbers, node_tags.node, number.name, number.value).*side).add(weight);
  }
}

}  // namespace heapwatch::pprof
