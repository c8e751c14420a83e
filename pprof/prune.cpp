// Cuts stacks off at functions: those that a profile calls uninteresting, and those of prune_from.
#include "pprof/prune.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "pprof/filter.h"

namespace heapwatch::pprof {
namespace {

/// Where frames are cut off below a location whose function is to be dropped.
enum class Cut : std::uint8_t { none, below, whole };

std::vector<Cut> find_cuts(Profile& profile, const Regex& drop, const std::optional<Regex>& keep) {
  std::vector<Cut> cuts(profile.locations.size());
  for (std::size_t i = 0; i < profile.locations.size(); ++i) {
    Location& location = profile.locations[i];
    const auto lines = profile.lines_of(location);
    std::size_t at = lines.size();
    for (; at > 0; --at) {
      const auto name = profile.text(profile.functions[lines[at - 1].function].name);
      if (name.empty()) {
        continue;
      }
      const auto simple = simplified_name(name);
      if (drop.matches(simple) && !(keep && keep->matches(simple))) {
        break;
      }
    }
    if (at == 0) {
      continue;
    }
    cuts[i] = at == lines.size() ? Cut::whole : Cut::below;
    if (cuts[i] == Cut::below) {
      location.first_line += static_cast<std::uint32_t>(at);
      location.line_count -= static_cast<std::uint32_t>(at);
    }
  }
  return cuts;
}

}  // namespace

void prune_from(Profile& profile, const Regex& regex) {
  std::vector<bool> matched(profile.locations.size());
  for (std::size_t i = 0; i < profile.locations.size(); ++i) {
    Location& location = profile.locations[i];
    const auto lines = profile.lines_of(location);
    const auto match = std::find_if(lines.begin(), lines.end(), [&](const Line& line) {
      const auto name = profile.text(profile.functions[line.function].name);
      return !name.empty() && regex.matches(simplified_name(name));
    });
    if (match != lines.end()) {
      matched[i] = true;
      const auto skipped = static_cast<std::uint32_t>(match - lines.begin());
      location.first_line += skipped;
      location.line_count -= skipped;
    }
  }
  profile.samples.filter([&](Samples::Editable& sample) {
    const auto match = std::find_if(sample.frames.begin(), sample.frames.end(),
                                    [&](std::uint32_t frame) { return matched[frame]; });
    if (match != sample.frames.end()) {
      sample.frames = {match, sample.frames.end()};
    }
    return true;
  });
}

std::string_view simplified_name(std::string_view name) {
  constexpr std::string_view anonymous = "(anonymous namespace)";
  constexpr std::string_view call_operator = "operator()";
  if (name.starts_with('.')) {
    name.remove_prefix(1);
  }
  std::size_t at = 0;
  while ((at = name.find('(', at)) != std::string_view::npos) {
    constexpr std::size_t before = call_operator.size() - 2;
    if (name.substr(at).starts_with(anonymous)) {
      at += anonymous.size();
    } else if (at >= before && name.substr(at - before).starts_with(call_operator)) {
      at += 2;
    } else {
      return name.substr(0, at);
    }
  }
  return name;
}

void drop_uninteresting(Profile& profile) {
  if (profile.drop_frames == 0) {
    return;
  }
  const auto whole = [&](StringId id) {
    return Regex::compile("^(" + std::string(profile.text(id)) + ")$");
  };
  const auto drop = whole(profile.drop_frames);
  if (!drop) {
    return;
  }
  std::optional<Regex> keep;
  if (profile.keep_frames != 0) {
    auto compiled = whole(profile.keep_frames);
    if (!compiled) {
      return;
    }
    keep = std::move(*compiled);
  }
  const std::vector<Cut> cuts = find_cuts(profile, *drop, keep);
  profile.samples.filter([&](Samples::Editable& sample) {
    bool found_user = false;
    for (std::size_t i = sample.frames.size(); i-- > 0;) {
      const Cut cut = cuts[sample.frames[i]];
      if (cut == Cut::none) {
        found_user = true;
      } else if (found_user) {
        sample.frames = sample.frames.subspan(cut == Cut::whole ? i + 1 : i);
        break;
      }
    }
    return true;
  });
}

}  // namespace heapwatch::pprof
