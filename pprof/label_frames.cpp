// Frames made of label values, so that stacks can be grouped by them: tagroot and tagleaf.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "pprof/filter.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

/// The parts of a comma-separated list that are not empty.
std::vector<StringId> split_keys(const std::string& list, StringTable& strings) {
  std::vector<StringId> keys;
  const std::string_view text = list;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    if (comma > at) {
      keys.push_back(strings.add(text.substr(at, comma - at)));
    }
    at = comma + 1;
  }
  return keys;
}

class LabelFrames {
 public:
  LabelFrames(Profile& profile, const std::string& unit) : profile_(profile), unit_(unit) {
    for (const Location& it : profile.locations) {
      location_id_ = std::max(location_id_, it.id);
    }
    for (const Function& it : profile.functions) {
      function_id_ = std::max(function_id_, it.id);
    }
  }

  /// The location for one key of a sample; notes whether the sample has the key.
  std::uint32_t frame(std::span<const Label> labels, StringId key, bool& matched) {
    name_.clear();
    bool found = false;
    const bool has_units = std::any_of(labels.begin(), labels.end(), [&](const Label& label) {
      return label.key == key && label.is_number && label.text != 0;
    });
    for (const Label& label : labels) {
      if (label.key != key) {
        continue;
      }
      if (found) {
        name_ += ',';
      }
      found = true;
      if (!label.is_number) {
        name_ += profile_.text(label.text);
      } else if (has_units) {
        name_ += scaled_label(label.number, profile_.text(label.text), unit_);
      } else {
        name_ += scaled_label(label.number, "", "");
      }
    }
    matched = matched || found;
    return location(profile_.strings.add(name_), key);
  }

 private:
  std::uint32_t location(StringId name, StringId file) {
    const auto next = static_cast<std::uint32_t>(profile_.locations.size());
    const std::uint32_t at =
        made_.find_or_add(hash_word(name, file), next, [&](std::uint32_t other) {
          const Function& function =
              profile_.functions[profile_.lines_of(profile_.locations[other])[0].function];
          return function.name == name && function.file == file;
        });
    if (at == next) {
      profile_.locations.push_back({.id = ++location_id_,
                                    .first_line = static_cast<std::uint32_t>(profile_.lines.size()),
                                    .line_count = 1});
      profile_.lines.push_back({.function = static_cast<std::uint32_t>(profile_.functions.size())});
      profile_.functions.push_back({.id = ++function_id_, .name = name, .file = file});
    }
    return at;
  }

  Profile& profile_;
  const std::string& unit_;
  std::uint64_t location_id_ = 0;
  std::uint64_t function_id_ = 0;
  HashIndex made_;
  std::string name_;
};

}  // namespace

void add_label_frames(Profile& profile, const ReportOptions& options, const Warn& warn) {
  const std::vector<StringId> roots = split_keys(options.tagroot, profile.strings);
  const std::vector<StringId> leaves = split_keys(options.tagleaf, profile.strings);
  bool root_matched = false;
  bool leaf_matched = false;
  if (!roots.empty() || !leaves.empty()) {
    LabelFrames frames(profile, options.unit);
    Samples with_frames;
    with_frames.set_type_count(profile.samples.type_count());
    std::vector<std::uint32_t> stack;
    std::vector<std::uint32_t> above;
    // The first key is nearest to the root, in both groups. Frames at the root get the first ids.
    for (std::size_t i = 0; i < profile.samples.size(); ++i) {
      const auto labels = profile.samples.labels(i);
      const auto append = [&](std::vector<std::uint32_t>& to, const std::vector<StringId>& keys,
                              bool& matched) {
        for (std::size_t key = keys.size(); key-- > 0;) {
          to.push_back(frames.frame(labels, keys[key], matched));
        }
      };
      above.clear();
      append(above, roots, root_matched);
      stack.clear();
      append(stack, leaves, leaf_matched);
      const auto own = profile.samples.frames(i);
      stack.insert(stack.end(), own.begin(), own.end());
      stack.insert(stack.end(), above.begin(), above.end());
      with_frames.append(stack, std::as_const(profile.samples).values(i), labels);
    }
    profile.samples = std::move(with_frames);
  }
  if (!options.tagroot.empty() && !root_matched) {
    warn("TagRoot expression matched no samples");
  }
  if (!options.tagleaf.empty() && !leaf_matched) {
    warn("TagLeaf expression matched no samples");
  }
}

}  // namespace heapwatch::pprof
