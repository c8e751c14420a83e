#include "discovery/relabel/relabel.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "discovery/relabel/expand.h"
#include "discovery/relabel/hash.h"
#include "discovery/relabel/letters.h"

namespace heapwatch::discovery::relabel {

namespace {

std::string_view value_of(const Labels& labels, std::string_view name) {
  const auto found = labels.find(name);
  if (found == labels.end()) {
    return {};
  }
  return found->second;
}

std::string joined(const Rule& rule, const Labels& labels) {
  std::string all;
  for (std::size_t i = 0; i < rule.source_labels.size(); ++i) {
    if (i != 0) {
      all += rule.separator;
    }
    all += value_of(labels, rule.source_labels[i]);
  }
  return all;
}

void set(Labels& labels, const std::string& name, std::string value) {
  if (value.empty()) {
    labels.erase(name);
  } else {
    labels[name] = std::move(value);
  }
}

void replace(const Rule& rule, const std::string& text, Labels& labels) {
  const auto groups = match(*rule.regex, text);
  if (!groups) {
    return;
  }
  const std::string name = expand(rule.target_label, *rule.regex, *groups);
  if (base::is_label_name(name)) {
    set(labels, name, expand(rule.replacement, *rule.regex, *groups));
  }
}

/// All are read before the first is set; of two that come to one name the last one wins.
void map_names(const Rule& rule, Labels& labels) {
  std::vector<std::pair<std::string, std::string>> mapped;
  for (const auto& [name, value] : labels) {
    if (const auto groups = match(*rule.regex, name)) {
      const auto whole = groups->front();
      std::string made(name.data(), whole.data());
      made += expand(rule.replacement, *rule.regex, *groups);
      made.append(whole.data() + whole.size(), name.data() + name.size());
      mapped.emplace_back(std::move(made), value);
    }
  }
  for (auto& [name, value] : mapped) {
    if (!name.empty()) {
      labels[name] = std::move(value);
    }
  }
}

/// False: the target is dropped.
bool apply_one(const Rule& rule, Labels& labels) {
  const std::string text = joined(rule, labels);
  switch (rule.action) {
    case Action::keep:
      return match(*rule.regex, text).has_value();
    case Action::drop:
      return !match(*rule.regex, text);
    case Action::keepequal:
      return value_of(labels, rule.target_label) == text;
    case Action::dropequal:
      return value_of(labels, rule.target_label) != text;
    case Action::replace:
      replace(rule, text, labels);
      break;
    case Action::hashmod:
      set(labels, rule.target_label, std::to_string(hash_of(text) % rule.modulus));
      break;
    case Action::lowercase:
      set(labels, rule.target_label, to_lower(text));
      break;
    case Action::uppercase:
      set(labels, rule.target_label, to_upper(text));
      break;
    case Action::labelmap:
      map_names(rule, labels);
      break;
    case Action::labeldrop:
    case Action::labelkeep:
      std::erase_if(labels, [&](const auto& label) {
        return match(*rule.regex, label.first).has_value() == (rule.action == Action::labeldrop);
      });
      break;
  }
  return true;
}

base::Result<void> within_limits(const Labels& labels) {
  if (labels.size() > labels_max) {
    return base::fail(base::ErrorKind::limit,
                      "more than " + std::to_string(labels_max) + " labels");
  }
  for (const auto& [name, value] : labels) {
    if (name.size() > name_bytes_max) {
      return base::fail(base::ErrorKind::limit, "a label whose name has more than " +
                                                    std::to_string(name_bytes_max) + " bytes");
    }
    if (value.size() > value_bytes_max) {
      return base::fail(base::ErrorKind::limit, "a label \"" + name + "\" of more than " +
                                                    std::to_string(value_bytes_max) + " bytes");
    }
  }
  return {};
}

}  // namespace

base::Result<std::optional<Labels>> apply(const Rules& rules, Labels labels) {
  std::erase_if(labels, [](const auto& label) { return label.second.empty(); });
  if (auto fits = within_limits(labels); !fits) {
    return tl::unexpected(fits.error());
  }
  for (const Rule& rule : rules) {
    if (!apply_one(rule, labels)) {
      return std::optional<Labels>();
    }
    if (auto fits = within_limits(labels); !fits) {
      return tl::unexpected(fits.error());
    }
  }
  return std::optional<Labels>(std::move(labels));
}

std::string to_label_name(std::string_view text) {
  std::string name(text);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !base::is_label_name(std::string("_") + c); },
      '_');
  return name;
}

}  // namespace heapwatch::discovery::relabel
