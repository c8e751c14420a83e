#include "pprof/flame/tags.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

namespace heapwatch::pprof::flame {
namespace {

constexpr std::array<std::string_view, 4> first_keys{"space", "thread", "component", "check"};

/// How much samples with a value weigh, and how many they are.
struct Weight {
  double amount = 0;
  std::size_t count = 0;
};
using Values = std::map<StringId, Weight>;

std::size_t rank_of(std::string_view key) {
  return static_cast<std::size_t>(std::find(first_keys.begin(), first_keys.end(), key) -
                                  first_keys.begin());
}

std::vector<StringId> heaviest(const Values& values) {
  std::vector<StringId> found;
  found.reserve(values.size());
  for (const auto& [value, weight] : values) {
    found.push_back(value);
  }
  std::stable_sort(found.begin(), found.end(), [&](StringId a, StringId b) {
    return values.at(a).amount > values.at(b).amount;
  });
  found.resize(std::min(found.size(), tag_values_max));
  return found;
}

bool has_label(const Profile& profile, std::size_t sample, StringId key, StringId value) {
  const auto labels = profile.samples.labels(sample);
  return std::any_of(labels.begin(), labels.end(), [&](const Label& label) {
    return !label.is_number && label.key == key && label.text == value;
  });
}

}  // namespace

std::vector<SampleTag> find_tags(const Profile& profile, std::size_t index) {
  std::map<StringId, Values> keys;
  for (std::size_t sample = 0; sample < profile.samples.size(); ++sample) {
    const double amount = static_cast<double>(wrapping_abs(profile.samples.values(sample)[index]));
    for (const Label& label : profile.samples.labels(sample)) {
      if (!label.is_number) {
        Weight& weight = keys[label.key][label.text];
        weight.amount += amount;
        ++weight.count;
      }
    }
  }
  // A value that all samples have tells nothing apart.
  std::erase_if(keys, [&](const auto& it) {
    return it.second.size() == 1 && it.second.begin()->second.count >= profile.samples.size();
  });
  std::vector<StringId> order;
  order.reserve(keys.size());
  for (const auto& [key, values] : keys) {
    order.push_back(key);
  }
  std::sort(order.begin(), order.end(), [&](StringId a, StringId b) {
    const std::string_view first = profile.text(a);
    const std::string_view second = profile.text(b);
    return std::pair(rank_of(first), first) < std::pair(rank_of(second), second);
  });
  order.resize(std::min(order.size(), tag_keys_max));
  std::vector<SampleTag> tags;
  for (const StringId key : order) {
    for (const StringId value : heaviest(keys.at(key))) {
      SampleTag tag{.key = std::string(profile.text(key)),
                    .value = std::string(profile.text(value)),
                    .samples = std::vector<bool>(profile.samples.size())};
      for (std::size_t sample = 0; sample < profile.samples.size(); ++sample) {
        tag.samples[sample] = has_label(profile, sample, key, value);
      }
      tags.push_back(std::move(tag));
    }
  }
  return tags;
}

}  // namespace heapwatch::pprof::flame
