// Profiles that measure the same, brought to the same types and units so that they can be merged.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "pprof/merge.h"
#include "pprof/truncate.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

/// The finest of the units of one type in all profiles.
Result<std::string> finest_unit(const std::vector<Profile>& profiles, const char* what,
                                const std::function<ValueType(const Profile&)>& get) {
  const auto type = [&](const Profile& p) { return std::string(p.text(get(p).type)); };
  const auto unit = [&](const Profile& p) { return std::string(p.text(get(p).unit)); };
  const Profile* finest = profiles.data();
  for (const Profile& profile : profiles) {
    if (!is_compatible(type(*finest), unit(*finest), type(profile), unit(profile))) {
      return fail(ErrorKind::invalid, std::string(what) + ": incompatible types {" + type(*finest) +
                                          " " + unit(*finest) + "} {" + type(profile) + " " +
                                          unit(profile) + "}");
    }
    if (scale(1, unit(profile), unit(*finest)).value < 1) {
      finest = &profile;
    }
  }
  return unit(*finest);
}

/// Keeps the sample types at these positions, in their order.
void select_types(Profile& profile, const std::vector<std::size_t>& positions) {
  std::vector<ValueType> types;
  types.reserve(positions.size());
  for (const std::size_t at : positions) {
    types.push_back(profile.sample_types[at]);
  }
  std::vector<std::int64_t> chosen(positions.size());
  profile.samples.filter([&](Samples::Editable& sample) {
    for (std::size_t i = 0; i < positions.size(); ++i) {
      chosen[i] = sample.values[positions[i]];
    }
    std::copy(chosen.begin(), chosen.end(), sample.values.begin());
    sample.values = sample.values.first(chosen.size());
    return true;
  });
  profile.samples.set_type_count(positions.size());
  profile.sample_types = std::move(types);
}

/// Names for the same thing, the one that Go has first.
constexpr std::array<std::array<std::string_view, 2>, 3> meanings = {
    {{"inuse_space", "space"}, {"inuse_objects", "objects"}, {"alloc_objects", "allocations"}}};

std::string_view meaning(std::string_view type) {
  for (const auto& names : meanings) {
    if (type == names[1]) {
      return names[0];
    }
  }
  return type;
}

/// Where a type stands in a profile, by its name or by what it means.
std::optional<std::size_t> find_type(const Profile& profile, std::string_view name,
                                     bool by_meaning) {
  const auto& types = profile.sample_types;
  const auto at = std::find_if(types.begin(), types.end(), [&](const ValueType& type) {
    const std::string_view own = profile.text(type.type);
    return own == name || (by_meaning && meaning(own) == meaning(name));
  });
  if (at == types.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(at - types.begin());
}

/// The types of the first profile that all others have too.
std::vector<std::string> common_types(const std::vector<Profile>& profiles, bool by_meaning) {
  std::vector<std::string> common;
  for (const ValueType& type : profiles[0].sample_types) {
    const std::string name(profiles[0].text(type.type));
    if (std::all_of(profiles.begin(), profiles.end(), [&](const Profile& profile) {
          return find_type(profile, name, by_meaning).has_value();
        })) {
      common.push_back(name);
    }
  }
  return common;
}

std::string type_names(const Profile& profile) {
  std::string list;
  for (const ValueType& type : profile.sample_types) {
    list += (list.empty() ? "" : " ") + std::string(profile.text(type.type));
  }
  return "[" + list + "]";
}

/// Tells once for each type what is left out because others do not have it.
void tell_left_out(const std::vector<Profile>& profiles, const std::vector<std::string>& common,
                   const Warn& warn) {
  std::vector<std::string> left_out;
  for (const Profile& profile : profiles) {
    for (const ValueType& type : profile.sample_types) {
      std::string name(profile.text(type.type));
      const bool is_common = std::any_of(common.begin(), common.end(), [&](const auto& each) {
        return meaning(each) == meaning(name);
      });
      if (is_common || std::find(left_out.begin(), left_out.end(), name) != left_out.end()) {
        continue;
      }
      left_out.push_back(std::move(name));
    }
  }
  if (left_out.empty()) {
    return;
  }
  std::string list;
  for (const std::string& name : left_out) {
    list += (list.empty() ? "" : ", ") + name;
  }
  warn("Left out, since not all profiles have it: " + list);
}

/// Brings one profile to these types, which it has; they get the names that the first has for them.
void keep_types(Profile& profile, const std::vector<std::string>& common, bool by_meaning) {
  std::vector<std::size_t> positions;
  positions.reserve(common.size());
  for (const std::string& name : common) {
    positions.push_back(*find_type(profile, name, by_meaning));
  }
  const bool is_same = positions.size() == profile.sample_types.size() &&
                       std::is_sorted(positions.begin(), positions.end());
  const std::string chosen(profile.text(profile.default_sample_type));
  const auto chosen_at = std::find_if(common.begin(), common.end(), [&](const auto& name) {
    return name == chosen || (by_meaning && meaning(name) == meaning(chosen));
  });
  if (!is_same) {
    select_types(profile, positions);
  }
  if (chosen_at != common.end()) {
    profile.default_sample_type = profile.strings.add(*chosen_at);
  } else if (by_meaning) {
    // The last is what a profile shows of itself.
    profile.default_sample_type = profile.strings.add(common.back());
  } else if (!is_same) {
    profile.default_sample_type = profile.strings.add(common[0]);
  }
  for (std::size_t i = 0; i < common.size(); ++i) {
    profile.sample_types[i].type = profile.strings.add(common[i]);
  }
}

/// Says whether the types were matched by their meaning, for want of a common name.
Result<bool> keep_common_types(std::vector<Profile>& profiles, const Warn& warn) {
  std::vector<std::string> common = common_types(profiles, false);
  const bool by_meaning = common.empty();
  if (by_meaning) {
    common = common_types(profiles, true);
  }
  if (common.empty()) {
    const auto other = std::find_if(profiles.begin(), profiles.end(), [&](const Profile& profile) {
      return type_names(profile) != type_names(profiles[0]);
    });
    const std::string others = type_names(other == profiles.end() ? profiles[0] : *other);
    return fail(ErrorKind::invalid,
                "profiles have empty common sample type list: " + type_names(profiles[0]) +
                    " and " + others + " measure different things");
  }
  if (warn) {
    tell_left_out(profiles, common, warn);
  }
  for (Profile& profile : profiles) {
    keep_types(profile, common, by_meaning);
  }
  return by_meaning;
}

/// How each was sampled is no longer to be said of all, unless it was the same.
void forget_differing_periods(std::vector<Profile>& profiles) {
  const auto text = [](const Profile& profile) {
    return std::string(profile.text(profile.period_type.type)) + "/" +
           std::string(profile.text(profile.period_type.unit));
  };
  const std::string first = text(profiles[0]);
  if (std::all_of(profiles.begin(), profiles.end(),
                  [&](const Profile& profile) { return text(profile) == first; })) {
    return;
  }
  for (Profile& profile : profiles) {
    profile.period_type = {};
    profile.period = 0;
  }
}

}  // namespace

Result<void> make_compatible(std::vector<Profile>& profiles, const Warn& warn) {
  if (profiles.size() < 2) {
    return {};
  }
  const auto by_meaning = keep_common_types(profiles, warn);
  if (!by_meaning) {
    return tl::unexpected(by_meaning.error());
  }
  if (*by_meaning) {
    forget_differing_periods(profiles);
  }
  const auto period_unit =
      finest_unit(profiles, "period type", [](const Profile& it) { return it.period_type; });
  if (!period_unit) {
    return tl::unexpected(period_unit.error());
  }
  std::vector<std::string> units;
  for (std::size_t i = 0; i < profiles[0].sample_types.size(); ++i) {
    const auto unit = finest_unit(profiles, "sample types",
                                  [i](const Profile& it) { return it.sample_types[i]; });
    if (!unit) {
      return tl::unexpected(unit.error());
    }
    units.push_back(*unit);
  }
  for (Profile& profile : profiles) {
    const auto text = [&](StringId id) { return std::string(profile.text(id)); };
    ValueType& period_type = profile.period_type;
    profile.period =
        truncate_to_int(scale(profile.period, text(period_type.unit), *period_unit).value);
    period_type.unit = profile.strings.add(*period_unit);
    std::vector<double> ratios;
    for (std::size_t i = 0; i < units.size(); ++i) {
      ValueType& type = profile.sample_types[i];
      ratios.push_back(scale(1, text(type.unit), units[i]).value);
      type.unit = profile.strings.add(units[i]);
    }
    scale_values(profile, ratios);
  }
  return {};
}

void scale_values(Profile& profile, const std::vector<double>& ratios) {
  if (std::all_of(ratios.begin(), ratios.end(), [](double ratio) { return ratio == 1; })) {
    return;
  }
  profile.samples.filter([&](Samples::Editable& sample) {
    bool is_kept = false;
    for (std::size_t i = 0; i < ratios.size(); ++i) {
      if (ratios[i] == 1) {
        continue;
      }
      std::int64_t& value = sample.values[i];
      value = truncate_to_int(std::round(static_cast<double>(value) * ratios[i]));
      is_kept = is_kept || value != 0;
    }
    return is_kept;
  });
}

}  // namespace heapwatch::pprof
