#include "pprof/merge.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "pprof/truncate.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t discard_step_frames = std::size_t{1} << 20U;
constexpr std::uint64_t mapping_size_step = 0x1000;

bool is_zero(std::span<const std::int64_t> values) {
  return std::all_of(values.begin(), values.end(), [](std::int64_t value) { return value == 0; });
}

/// Positions of one source's elements in the merged profile, as far as they are known.
struct Moved {
  std::vector<std::uint32_t> strings;
  std::vector<std::uint32_t> mappings;
  std::vector<std::uint32_t> functions;
  std::vector<std::uint32_t> locations;
};

class Merger {
 public:
  explicit Merger(std::vector<Profile>& sources) : sources_(sources) {}

  /// `base_label` says that all but the first source are a base whose samples are to be told apart.
  Result<Profile> run(bool base_label) {
    if (auto combined = combine_headers(); !combined) {
      return tl::unexpected(combined.error());
    }
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      Profile& source = sources_[i];
      moved_ = {std::vector<std::uint32_t>(source.strings.size(), no_index),
                std::vector<std::uint32_t>(source.mappings.size(), no_index),
                std::vector<std::uint32_t>(source.functions.size(), no_index),
                std::vector<std::uint32_t>(source.locations.size(), no_index)};
      // The program itself stays the first mapping.
      if (out_.mappings.empty() && !source.mappings.empty()) {
        move_mapping(source, 0);
      }
      if (i == 0) {
        take_samples(source);
      } else {
        add_samples(source, base_label);
        source = Profile();
      }
    }
    return std::move(out_);
  }

  [[nodiscard]] static bool has_zero_sample(const Profile& profile) {
    for (std::size_t i = 0; i < profile.samples.size(); ++i) {
      if (is_zero(profile.samples.values(i))) {
        return true;
      }
    }
    return false;
  }

 private:
  Result<void> combine_headers();
  void take_samples(Profile& source);
  void add_samples(Profile& source, bool base_label);
  StringId move_string(const Profile& source, StringId id);
  std::uint32_t move_mapping(const Profile& source, std::uint32_t at);
  std::uint32_t move_function(const Profile& source, std::uint32_t at);
  std::uint32_t move_location(const Profile& source, std::uint32_t at);
  bool enter_sample(std::span<const std::uint32_t> frames, std::span<const std::int64_t> values,
                    std::span<const Label> labels, std::uint32_t next);

  std::vector<Profile>& sources_;
  Profile out_;
  Moved moved_;
  HashIndex mappings_;
  HashIndex functions_;
  HashIndex locations_;
  HashIndex samples_;
};

std::string type_list(const Profile& profile) {
  std::string list = "[";
  for (const ValueType& type : profile.sample_types) {
    list += (list.size() == 1 ? "" : " ") + std::string(profile.text(type.type)) + "/" +
            std::string(profile.text(type.unit));
  }
  return list + "]";
}

Result<void> check_compatible(const Profile& a, const Profile& b) {
  const auto same = [&](const ValueType& x, const ValueType& y) {
    return a.text(x.type) == b.text(y.type) && a.text(x.unit) == b.text(y.unit);
  };
  const auto text = [](const Profile& profile) {
    return std::string(profile.text(profile.period_type.type)) + "/" +
           std::string(profile.text(profile.period_type.unit));
  };
  if (!same(a.period_type, b.period_type)) {
    return fail(ErrorKind::invalid, "incompatible period types " + text(a) + " and " + text(b));
  }
  if (!std::equal(a.sample_types.begin(), a.sample_types.end(), b.sample_types.begin(),
                  b.sample_types.end(), same)) {
    return fail(ErrorKind::invalid,
                "incompatible sample types " + type_list(a) + " and " + type_list(b));
  }
  return {};
}

Result<void> Merger::combine_headers() {
  Profile& first = sources_[0];
  for (std::size_t i = 1; i < sources_.size(); ++i) {
    if (auto checked = check_compatible(first, sources_[i]); !checked) {
      return checked;
    }
  }
  out_.strings = first.strings;
  out_.sample_types = first.sample_types;
  out_.drop_frames = first.drop_frames;
  out_.keep_frames = first.keep_frames;
  out_.period_type = first.period_type;
  for (const Profile& source : sources_) {
    const auto copy = [&](StringId id) { return out_.strings.add(source.text(id)); };
    if (out_.time_nanos == 0 || source.time_nanos < out_.time_nanos) {
      out_.time_nanos = source.time_nanos;
    }
    out_.duration_nanos = wrapping_add(out_.duration_nanos, source.duration_nanos);
    if (out_.period == 0 || out_.period < source.period) {
      out_.period = source.period;
    }
    for (const StringId comment : source.comments) {
      const StringId id = copy(comment);
      if (std::find(out_.comments.begin(), out_.comments.end(), id) == out_.comments.end()) {
        out_.comments.push_back(id);
      }
    }
    if (out_.default_sample_type == 0) {
      out_.default_sample_type = copy(source.default_sample_type);
    }
    if (out_.doc_url == 0) {
      out_.doc_url = copy(source.doc_url);
    }
  }
  return {};
}

StringId Merger::move_string(const Profile& source, StringId id) {
  StringId& to = moved_.strings[id];
  if (to == no_index) {
    to = out_.strings.add(source.text(id));
  }
  return to;
}

std::uint32_t Merger::move_mapping(const Profile& source, std::uint32_t at) {
  std::uint32_t& to = moved_.mappings[at];
  if (to != no_index) {
    return to;
  }
  Mapping mapping = source.mappings[at];
  mapping.file = move_string(source, mapping.file);
  mapping.build_id = move_string(source, mapping.build_id);
  // Address space randomisation moves mappings, and their sizes differ by a little.
  const auto size = [](const Mapping& it) {
    const std::uint64_t bytes = it.limit - it.start + mapping_size_step - 1;
    return bytes - bytes % mapping_size_step;
  };
  const auto object = [](const Mapping& it) { return it.build_id != 0 ? it.build_id : it.file; };
  const auto next = static_cast<std::uint32_t>(out_.mappings.size());
  const std::uint64_t hash =
      hash_word(hash_word(hash_word(0, size(mapping)), mapping.offset), object(mapping));
  to = mappings_.find_or_add(hash, next, [&](std::uint32_t other) {
    const Mapping& it = out_.mappings[other];
    return size(it) == size(mapping) && it.offset == mapping.offset &&
           object(it) == object(mapping);
  });
  if (to == next) {
    mapping.id = next + 1U;
    out_.mappings.push_back(mapping);
  }
  return to;
}

std::uint32_t Merger::move_function(const Profile& source, std::uint32_t at) {
  std::uint32_t& to = moved_.functions[at];
  if (to != no_index) {
    return to;
  }
  Function function = source.functions[at];
  const auto next = static_cast<std::uint32_t>(out_.functions.size());
  function.id = 0;
  function.name = move_string(source, function.name);
  function.system_name = move_string(source, function.system_name);
  function.file = move_string(source, function.file);
  std::uint64_t hash = hash_word(function.name, function.system_name);
  hash = hash_word(hash, function.file);
  hash = hash_word(hash, static_cast<std::uint64_t>(function.start_line));
  to = functions_.find_or_add(hash, next, [&](std::uint32_t other) {
    Function it = out_.functions[other];
    it.id = 0;
    return it == function;
  });
  if (to == next) {
    function.id = next + 1U;
    out_.functions.push_back(function);
  }
  return to;
}

std::uint32_t Merger::move_location(const Profile& source, std::uint32_t at) {
  std::uint32_t& to = moved_.locations[at];
  if (to != no_index) {
    return to;
  }
  Location location = source.locations[at];
  std::uint64_t offset_in_mapping = location.address;
  if (location.mapping != no_index) {
    offset_in_mapping -= source.mappings[location.mapping].start;
    location.mapping = move_mapping(source, location.mapping);
    location.address = offset_in_mapping + out_.mappings[location.mapping].start;
  }
  const auto lines = source.lines_of(source.locations[at]);
  location.first_line = static_cast<std::uint32_t>(out_.lines.size());
  std::uint64_t hash = hash_word(hash_word(0, offset_in_mapping), location.mapping);
  for (Line line : lines) {
    line.function = move_function(source, line.function);
    hash = hash_word(hash_word(hash, line.function), static_cast<std::uint64_t>(line.line));
    out_.lines.push_back(line);
  }
  const auto next = static_cast<std::uint32_t>(out_.locations.size());
  to = locations_.find_or_add(hash, next, [&](std::uint32_t other) {
    const Location& it = out_.locations[other];
    const auto own = out_.lines_of(location);
    const auto others = out_.lines_of(it);
    return it.address == location.address && it.mapping == location.mapping &&
           it.is_folded == location.is_folded &&
           std::equal(own.begin(), own.end(), others.begin(), others.end());
  });
  if (to == next) {
    location.id = next + 1U;
    out_.locations.push_back(location);
  } else {
    out_.lines.resize(location.first_line);
  }
  return to;
}

/// Says whether the sample is new; otherwise its values are added to the one that equals it.
bool Merger::enter_sample(std::span<const std::uint32_t> frames,
                          std::span<const std::int64_t> values, std::span<const Label> labels,
                          std::uint32_t next) {
  std::uint64_t hash = hash_bytes(frames.data(), frames.size_bytes());
  for (const Label& label : labels) {
    hash = hash_word(hash_word(hash, label.key), label.text);
    hash = hash_word(hash, static_cast<std::uint64_t>(label.number));
  }
  Samples& samples = out_.samples;
  const Samples& known = samples;
  const std::uint32_t at = samples_.find_or_add(hash, next, [&](std::uint32_t other) {
    const auto its_frames = known.frames(other);
    const auto its_labels = known.labels(other);
    return std::equal(frames.begin(), frames.end(), its_frames.begin(), its_frames.end()) &&
           std::equal(labels.begin(), labels.end(), its_labels.begin(), its_labels.end());
  });
  if (at == next) {
    return true;
  }
  const auto sums = samples.values(at);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i] = wrapping_add(sums[i], values[i]);
  }
  return false;
}

/// The samples of the first source become those of the result where they stand. Its string ids are
/// the result's.
void Merger::take_samples(Profile& source) {
  out_.samples = std::move(source.samples);
  std::uint32_t kept = 0;
  out_.samples.filter([&](Samples::Editable& sample) {
    if (is_zero(sample.values)) {
      return false;
    }
    for (std::uint32_t& frame : sample.frames) {
      frame = move_location(source, frame);
    }
    const bool is_new = enter_sample(sample.frames, sample.values, sample.labels, kept);
    kept += is_new ? 1 : 0;
    return is_new;
  });
}

void Merger::add_samples(Profile& source, bool base_label) {
  std::vector<std::uint32_t> frames;
  std::vector<Label> labels;
  const Label base{out_.strings.add("pprof::base"), false, out_.strings.add("true"), 0};
  const Samples& samples = source.samples;
  std::size_t frames_read = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    frames_read += samples.frames(i).size();
    if (frames_read > discard_step_frames) {
      source.samples.discard_before(i);
      frames_read = 0;
    }
    const auto values = samples.values(i);
    if (is_zero(values)) {
      continue;
    }
    frames.clear();
    for (const std::uint32_t frame : samples.frames(i)) {
      frames.push_back(move_location(source, frame));
    }
    labels.clear();
    for (Label label : samples.labels(i)) {
      label.key = move_string(source, label.key);
      label.text = move_string(source, label.text);
      if (base_label && label.key == base.key && !label.is_number) {
        continue;
      }
      labels.push_back(label);
    }
    if (base_label) {
      const auto place = std::find_if(labels.begin(), labels.end(), [&](const Label& label) {
        return label.is_number || out_.text(label.key) > out_.text(base.key);
      });
      labels.insert(place, base);
    }
    const auto next = static_cast<std::uint32_t>(out_.samples.size());
    if (enter_sample(frames, values, labels, next)) {
      out_.samples.append(frames, values, labels);
    }
  }
}

Result<Profile> merge_all(std::vector<Profile> profiles, bool base_label) {
  auto merged = Merger(profiles).run(base_label);
  if (!merged || !Merger::has_zero_sample(*merged)) {
    return merged;
  }
  // Samples that came to nothing go, with what they alone used.
  profiles.clear();
  profiles.push_back(std::move(*merged));
  return Merger(profiles).run(false);
}

}  // namespace

Result<Profile> merge(std::vector<Profile> profiles) {
  return merge_all(std::move(profiles), false);
}

Result<Profile> subtract(Profile source, Profile base, const Subtraction& options,
                         const Warn& warn) {
  if (options.normalize) {
    if (auto checked = check_compatible(source, base); !checked) {
      return tl::unexpected(checked.error());
    }
    const auto totals = [](const Profile& profile) {
      std::vector<std::int64_t> sums(profile.sample_types.size());
      for (std::size_t i = 0; i < profile.samples.size(); ++i) {
        const auto values = profile.samples.values(i);
        for (std::size_t at = 0; at < sums.size(); ++at) {
          sums[at] = wrapping_add(sums[at], values[at]);
        }
      }
      return sums;
    };
    const auto source_totals = totals(source);
    const auto base_totals = totals(base);
    std::vector<double> ratios;
    for (std::size_t i = 0; i < source_totals.size(); ++i) {
      ratios.push_back(source_totals[i] == 0 ? 0
                                             : static_cast<double>(base_totals[i]) /
                                                   static_cast<double>(source_totals[i]));
    }
    scale_values(source, ratios);
  }
  scale_values(base, std::vector<double>(base.sample_types.size(), -1));
  std::vector<Profile> both;
  both.push_back(std::move(source));
  both.push_back(std::move(base));
  if (auto compatible = make_compatible(both, warn); !compatible) {
    return tl::unexpected(compatible.error());
  }
  return merge_all(std::move(both), options.is_diff_base);
}

}  // namespace heapwatch::pprof
