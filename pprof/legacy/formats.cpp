#include "pprof/legacy/formats.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "pprof/truncate.h"

namespace heapwatch::pprof::legacy {

std::string_view trim_space(std::string_view text) {
  constexpr std::string_view space = " \t\n\v\f\r";
  const std::size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

bool is_space_or_comment(std::string_view line) {
  const std::string_view trimmed = trim_space(line);
  return trimmed.empty() || trimmed.front() == '#';
}

bool is_memory_map_sentinel(std::string_view line) {
  return line.find("--- Memory map: ---") != std::string_view::npos ||
         line.find("MAPPED_LIBRARIES:") != std::string_view::npos;
}

template <typename T>
static bool parse_whole(std::string_view text, int base, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}
bool parse_integer(std::string_view text, int base, std::int64_t& value) {
  return parse_whole(text, base, value);
}
bool parse_integer(std::string_view text, int base, std::uint64_t& value) {
  return parse_whole(text, base, value);
}

Result<std::vector<std::uint64_t>> parse_hex_addresses(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::vector<std::uint64_t> addresses;
  for (std::size_t at = text.find("0x"); at != std::string_view::npos; at = text.find("0x", at)) {
    const std::size_t end = std::min(text.find_first_not_of(digits, at + 2), text.size());
    const std::string_view number = text.substr(at, end - at);
    at += 2;
    if (number.size() == 2) {
      continue;
    }
    if (!parse_integer(number.substr(2), 16, addresses.emplace_back())) {
      return fail(ErrorKind::invalid,
                  "failed to parse as hex 64-bit number: " + std::string(number));
    }
    at = end;
  }
  return addresses;
}

CountAndSize unsample_heap(CountAndSize sampled, std::int64_t rate) {
  if (sampled.count == 0 || sampled.size == 0) {
    return {};
  }
  if (rate <= 1) {
    return sampled;
  }
  const auto count = static_cast<double>(sampled.count);
  const auto size = static_cast<double>(sampled.size);
  const double scale = 1 / (1 - std::exp(-(size / count) / static_cast<double>(rate)));
  return {truncate_to_int(count * scale), truncate_to_int(size * scale)};
}

void StackBuilder::set_types(
    std::initializer_list<std::pair<std::string_view, std::string_view>> types) {
  profile.sample_types.clear();
  for (const auto& [type, unit] : types) {
    profile.sample_types.push_back({profile.strings.add(type), profile.strings.add(unit)});
  }
  profile.samples.set_type_count(types.size());
}

void StackBuilder::set_period(std::string_view type, std::string_view unit, std::int64_t period) {
  profile.period_type = {profile.strings.add(type), profile.strings.add(unit)};
  profile.period = period;
}

std::uint32_t StackBuilder::location_at(std::uint64_t address) {
  const auto next = static_cast<std::uint32_t>(profile.locations.size());
  const std::uint32_t at = locations_by_address_.find_or_add(
      hash_word(0, address), next,
      [&](std::uint32_t other) { return profile.locations[other].address == address; });
  if (at == next) {
    profile.locations.push_back({.id = next + 1U, .address = address});
  }
  return at;
}

std::uint32_t StackBuilder::function(std::string_view name, std::string_view file) {
  const StringId name_id = profile.strings.add(name);
  const StringId file_id = profile.strings.add(file);
  const auto next = static_cast<std::uint32_t>(profile.functions.size());
  const std::uint32_t at =
      functions_.find_or_add(hash_word(name_id, file_id), next, [&](std::uint32_t other) {
        return profile.functions[other].name == name_id && profile.functions[other].file == file_id;
      });
  if (at == next) {
    profile.functions.push_back(
        {.id = next + 1U, .name = name_id, .system_name = name_id, .file = file_id});
  }
  return at;
}

void drop_doubled_leaves(Profile& profile) {
  profile.samples.filter([&](Samples::Editable& sample) {
    const auto frames = sample.frames;
    if (frames.size() > 1 &&
        profile.locations[frames[0]].address == profile.locations[frames[1]].address + 1) {
      frames[1] = frames[0];
      sample.frames = frames.subspan(1);
    }
    return true;
  });
}

void StackBuilder::number_by_first_use() {
  std::vector<std::uint32_t> moved(profile.locations.size(), no_index);
  std::vector<Location> used;
  profile.samples.filter([&](Samples::Editable& sample) {
    for (std::uint32_t& frame : sample.frames) {
      if (moved[frame] == no_index) {
        moved[frame] = static_cast<std::uint32_t>(used.size());
        used.push_back(profile.locations[frame]);
        used.back().id = used.size();
      }
      frame = moved[frame];
    }
    return true;
  });
  profile.locations = std::move(used);

  std::vector<std::uint32_t> moved_functions(profile.functions.size(), no_index);
  std::vector<Function> used_functions;
  for (const Location& location : profile.locations) {
    for (Line& line : profile.lines_of(location)) {
      std::uint32_t& to = moved_functions[line.function];
      if (to == no_index) {
        to = static_cast<std::uint32_t>(used_functions.size());
        used_functions.push_back(profile.functions[line.function]);
        used_functions.back().id = used_functions.size();
      }
    }
  }
  for (const Location& location : profile.locations) {
    for (Line& line : profile.lines_of(location)) {
      line.function = moved_functions[line.function];
    }
  }
  profile.functions = std::move(used_functions);
}

Profile StackBuilder::finish(Lines lines) {
  read_memory_map(lines, profile);
  number_by_first_use();
  attach_mappings(profile);
  return std::move(profile);
}

}  // namespace heapwatch::pprof::legacy
