#include "pprof/filter.h"

#include <algorithm>
#include <optional>
#include <set>

#include "pprof/prune.h"
#include "pprof/tag_filter.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

using base::Result;

/// What a filter option holds: nothing when the option is empty.
using MaybeRegex = std::optional<Regex>;

Result<MaybeRegex> compile_option(const char* name, const std::string& pattern) {
  if (pattern.empty()) {
    return MaybeRegex();
  }
  auto regex = Regex::compile(pattern);
  if (!regex) {
    return base::fail(regex.error().kind,
                      std::string("parsing ") + name + " regexp: " + regex.error().message);
  }
  return MaybeRegex(std::move(*regex));
}

/// Matches locations by the names and files of their functions and by the file they stand in.
class LocationMatcher {
 public:
  LocationMatcher(const Regex& regex, const Profile& profile)
      : matches_(regex, profile.strings), profile_(&profile) {}

  bool line(const Line& line) {
    const Function& function = profile_->functions[line.function];
    return matches_(function.name) || matches_(function.file);
  }
  bool mapping(const Location& location) {
    return location.mapping != no_index && matches_(profile_->mappings[location.mapping].file);
  }
  bool any(const Location& location) {
    const auto lines = profile_->lines_of(location);
    return std::any_of(lines.begin(), lines.end(), [&](const Line& it) { return line(it); }) ||
           mapping(location);
  }

 private:
  TableMatcher matches_;
  const Profile* profile_;
};

/// Keeps the lines of a location for which `keep` says yes.
template <typename Keep>
void keep_lines(Profile& profile, Location& location, const Keep& keep) {
  const auto lines = profile.lines_of(location);
  const auto end =
      std::stable_partition(lines.begin(), lines.end(), [&](const Line& it) { return keep(it); });
  location.line_count = static_cast<std::uint32_t>(end - lines.begin());
}

enum class Verdict : std::uint8_t { neither, focused, ignored };

struct NameFilters {
  MaybeRegex focus;
  MaybeRegex ignore;
  MaybeRegex hide;
  MaybeRegex show;
};

class NameFilter {
 public:
  NameFilter(Profile& profile, const NameFilters& filters)
      : profile_(profile), verdicts_(profile.locations.size()), hidden_(profile.locations.size()) {
    std::optional<LocationMatcher> focus = matcher(filters.focus);
    std::optional<LocationMatcher> ignore = matcher(filters.ignore);
    std::optional<LocationMatcher> hide = matcher(filters.hide);
    std::optional<LocationMatcher> show = matcher(filters.show);
    for (std::size_t i = 0; i < profile.locations.size(); ++i) {
      Location& location = profile.locations[i];
      if (ignore && ignore->any(location)) {
        has_ignored = true;
        verdicts_[i] = Verdict::ignored;
      } else if (!focus || focus->any(location)) {
        has_focused = true;
        verdicts_[i] = Verdict::focused;
      }
      if (hide && hide->any(location)) {
        has_hidden = true;
        const bool whole = hide->mapping(location);
        keep_lines(profile, location, [&](const Line& it) { return !whole && !hide->line(it); });
        hidden_[i] = location.line_count == 0;
      }
      if (show) {
        const bool whole = show->mapping(location);
        keep_lines(profile, location, [&](const Line& it) { return whole || show->line(it); });
        if (location.line_count == 0) {
          hidden_[i] = true;
        }
        has_shown = has_shown || location.line_count != 0;
      }
    }
  }

  void run() {
    profile_.samples.filter([&](Samples::Editable& sample) {
      bool focused = false;
      for (const std::uint32_t frame : sample.frames) {
        if (verdicts_[frame] == Verdict::ignored) {
          return false;
        }
        focused = focused || verdicts_[frame] == Verdict::focused;
      }
      if (!focused) {
        return false;
      }
      const auto end = std::remove_if(sample.frames.begin(), sample.frames.end(),
                                      [&](std::uint32_t frame) { return hidden_[frame]; });
      sample.frames = {sample.frames.begin(), end};
      return !sample.frames.empty();
    });
  }

  bool has_focused = false;
  bool has_ignored = false;
  bool has_hidden = false;
  bool has_shown = false;

 private:
  [[nodiscard]] std::optional<LocationMatcher> matcher(const MaybeRegex& regex) const {
    if (!regex) {
      return std::nullopt;
    }
    return LocationMatcher(*regex, profile_);
  }

  Profile& profile_;
  std::vector<Verdict> verdicts_;
  std::vector<bool> hidden_;
};

/// Cuts everything above the highest match; says whether there was one.
bool show_from(Profile& profile, const Regex& regex) {
  LocationMatcher matches(regex, profile);
  std::vector<bool> matched(profile.locations.size());
  for (std::size_t i = 0; i < profile.locations.size(); ++i) {
    Location& location = profile.locations[i];
    if (matches.mapping(location)) {
      matched[i] = true;
      continue;
    }
    const auto lines = profile.lines_of(location);
    for (std::size_t kept = lines.size(); kept > 0; --kept) {
      if (matches.line(lines[kept - 1])) {
        location.line_count = static_cast<std::uint32_t>(kept);
        matched[i] = true;
        break;
      }
    }
  }
  profile.samples.filter([&](Samples::Editable& sample) {
    while (!sample.frames.empty() && !matched[sample.frames.back()]) {
      sample.frames = sample.frames.first(sample.frames.size() - 1);
    }
    return !sample.frames.empty();
  });
  return std::find(matched.begin(), matched.end(), true) != matched.end();
}

struct TagNameMatches {
  bool shown = false;
  bool hidden = false;
};

TagNameMatches filter_tag_names(Profile& profile, const MaybeRegex& show, const MaybeRegex& hide) {
  TagNameMatches found;
  std::optional<TableMatcher> shown;
  std::optional<TableMatcher> hidden;
  if (show) {
    shown.emplace(*show, profile.strings);
  }
  if (hide) {
    hidden.emplace(*hide, profile.strings);
  }
  profile.samples.filter([&](Samples::Editable& sample) {
    const auto end =
        std::remove_if(sample.labels.begin(), sample.labels.end(), [&](const Label& label) {
          const bool is_shown = !shown || (*shown)(label.key);
          const bool is_hidden = hidden && (*hidden)(label.key);
          found.shown = found.shown || is_shown;
          found.hidden = found.hidden || is_hidden;
          return !is_shown || is_hidden;
        });
    sample.labels = {sample.labels.begin(), end};
    return true;
  });
  return found;
}

}  // namespace

LabelUnits label_units(const Profile& profile, const Warn& warn) {
  LabelUnits units;
  std::map<StringId, std::set<std::string>> ignored;
  StringId last_key = no_index;
  StringId last_unit = no_index;
  for (const Label& label : profile.samples.all_labels()) {
    if (!label.is_number || (label.key == last_key && label.text == last_unit)) {
      continue;
    }
    last_key = label.key;
    last_unit = label.text;
    std::string& unit = units[label.key];
    const std::string text(profile.text(label.text));
    if (unit.empty()) {
      unit = text;
    } else if (!text.empty() && unit != text) {
      ignored[label.key].insert(text);
    }
  }
  for (auto& [key, unit] : units) {
    if (!unit.empty()) {
      continue;
    }
    const auto name = profile.text(key);
    unit = name == "alignment" || name == "request" ? "bytes" : std::string(name);
  }
  for (const auto& [key, others] : ignored) {
    std::string list;
    for (const std::string& other : others) {
      list += (list.empty() ? "" : ", ") + other;
    }
    warn("For tag " + std::string(profile.text(key)) + " used unit " + units[key] +
         ", also encountered unit(s) " + list);
  }
  return units;
}

Result<void> apply_filters(Profile& profile, const ReportOptions& options, const LabelUnits& units,
                           const Warn& warn) {
  const auto warn_unless = [&](bool matched, const char* name) {
    if (!matched) {
      warn(std::string(name) + " expression matched no samples");
    }
  };
  // All expressions are compiled before the first is applied, so that the first fault is reported.
  base::Error fault;
  const auto compile = [&](const char* name, const std::string& pattern) -> MaybeRegex {
    if (!fault.message.empty()) {
      return std::nullopt;
    }
    auto regex = compile_option(name, pattern);
    if (!regex) {
      fault = regex.error();
      return std::nullopt;
    }
    return std::move(*regex);
  };
  const auto compile_tag = [&](const char* name,
                               const std::string& value) -> std::optional<TagFilter> {
    if (value.empty() || !fault.message.empty()) {
      return std::nullopt;
    }
    auto filter = TagFilter::compile(name, value, warn);
    if (!filter) {
      fault = filter.error();
      return std::nullopt;
    }
    return std::move(*filter);
  };
  NameFilters names{compile("focus", options.focus), compile("ignore", options.ignore),
                    compile("hide", options.hide), compile("show", options.show)};
  const MaybeRegex from = compile("show_from", options.show_from);
  const auto tagfocus = compile_tag("tagfocus", options.tagfocus);
  const auto tagignore = compile_tag("tagignore", options.tagignore);
  const MaybeRegex prune = compile("prune_from", options.prune_from);
  const MaybeRegex tagshow = compile("tagshow", options.tagshow);
  const MaybeRegex taghide = compile("taghide", options.taghide);
  if (!fault.message.empty()) {
    return tl::unexpected(fault);
  }

  if (names.focus || names.ignore || names.hide || names.show) {
    NameFilter filter(profile, names);
    filter.run();
    warn_unless(!names.focus || filter.has_focused, "Focus");
    warn_unless(!names.ignore || filter.has_ignored, "Ignore");
    warn_unless(!names.hide || filter.has_hidden, "Hide");
    warn_unless(!names.show || filter.has_shown, "Show");
  }
  if (from) {
    warn_unless(show_from(profile, *from), "ShowFrom");
  }
  if (tagfocus || tagignore) {
    bool focused_any = false;
    bool ignored_any = false;
    profile.samples.filter([&](Samples::Editable& sample) {
      const bool focused = !tagfocus || tagfocus->matches(profile, sample.labels, units);
      const bool ignored = tagignore && tagignore->matches(profile, sample.labels, units);
      focused_any = focused_any || focused;
      ignored_any = ignored_any || ignored;
      return focused && !ignored;
    });
    warn_unless(!tagfocus || focused_any, "TagFocus");
    warn_unless(!tagignore || ignored_any, "TagIgnore");
  }
  if (tagshow || taghide) {
    const TagNameMatches matched = filter_tag_names(profile, tagshow, taghide);
    warn_unless(!tagshow || matched.shown, "TagShow");
    warn_unless(!taghide || matched.hidden, "TagHide");
  }
  if (prune) {
    prune_from(profile, *prune);
  }
  return {};
}

void aggregate(Profile& profile, const ReportOptions& options) {
  const Granularity g = options.granularity;
  if (g == Granularity::addresses && !options.noinlines) {
    return;
  }
  const bool has_functions = g != Granularity::files;
  const bool has_files = g != Granularity::functions && g != Granularity::unset;
  const bool has_lines = g == Granularity::lines || g == Granularity::addresses;
  for (Mapping& mapping : profile.mappings) {
    mapping.has_functions = mapping.has_functions && has_functions;
    mapping.has_filenames = mapping.has_filenames && has_files;
    mapping.has_line_numbers = mapping.has_line_numbers && has_lines;
    mapping.has_inline_frames = mapping.has_inline_frames && !options.noinlines;
  }
  for (Function& function : profile.functions) {
    if (!has_functions) {
      function.name = function.system_name = 0;
      function.start_line = 0;  // of no meaning to a file, of which it would make several
    }
    if (!has_files) {
      function.file = 0;
    }
  }
  for (Location& location : profile.locations) {
    if (options.noinlines && location.line_count > 1) {
      location.first_line += location.line_count - 1;
      location.line_count = 1;
    }
    for (Line& line : profile.lines_of(location)) {
      if (!has_lines) {
        line.line = 0;
      }
      if (!has_lines || !options.showcolumns) {
        line.column = 0;
      }
    }
    if (g != Granularity::addresses) {
      location.address = 0;
    }
  }
}

}  // namespace heapwatch::pprof
