// A heap profile made of a few lines.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pprof/profile.h"

namespace heapwatch::exporters::pyroscope::tests {

struct Block {
  std::string function;
  std::int64_t allocated = 0;  // blocks of 10 bytes, as in_use
  std::int64_t in_use = 0;
  std::map<std::string, std::string> labels{};
  std::int64_t age = 0;
};

inline pprof::Profile heap_profile(const std::vector<Block>& blocks,
                                   const std::string& last_type = "inuse_space") {
  constexpr std::int64_t size = 10;
  pprof::Profile profile;
  const auto text = [&](const std::string& value) { return profile.strings.add(value); };
  profile.sample_types = {{text("alloc_objects"), text("count")},
                          {text("alloc_space"), text("bytes")},
                          {text("inuse_objects"), text("count")},
                          {text(last_type), text("bytes")}};
  profile.period_type = {text("space"), text("bytes")};
  profile.samples.set_type_count(4);
  std::map<std::string, std::uint32_t> places;
  for (const Block& block : blocks) {
    const auto [place, is_new] =
        places.try_emplace(block.function, static_cast<std::uint32_t>(profile.locations.size()));
    if (is_new) {
      const auto id = profile.functions.size() + 1;
      profile.functions.push_back({.id = id,
                                   .name = text(block.function),
                                   .system_name = text(block.function),
                                   .file = text(block.function + ".go")});
      profile.locations.push_back({.id = id,
                                   .address = 0,
                                   .first_line = static_cast<std::uint32_t>(profile.lines.size()),
                                   .line_count = 1});
      profile.lines.push_back({.function = place->second, .line = 1});
    }
    profile.samples.add_frame(place->second);
    for (const std::int64_t value :
         {block.allocated, block.allocated * size, block.in_use, block.in_use * size}) {
      profile.samples.add_value(value);
    }
    for (const auto& [key, value] : block.labels) {
      profile.samples.add_label({.key = text(key), .text = text(value)});
    }
    profile.samples.add_label({.key = text("age"), .is_number = true, .number = block.age});
    profile.samples.finish_sample();
  }
  return profile;
}

/// "f space=python: 1 10 2 20", sorted.
inline std::vector<std::string> lines_of(const pprof::Profile& profile) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    std::string line;
    for (const std::uint32_t frame : profile.samples.frames(i)) {
      const pprof::Location& location = profile.locations[frame];
      const pprof::Line& at = profile.lines[location.first_line];
      line += std::string(profile.text(profile.functions[at.function].name));
    }
    for (const pprof::Label& label : profile.samples.labels(i)) {
      line +=
          ' ' + std::string(profile.text(label.key)) + '=' +
          (label.is_number ? std::to_string(label.number) : std::string(profile.text(label.text)));
    }
    line += ':';
    for (const std::int64_t value : profile.samples.values(i)) {
      line += ' ' + std::to_string(value);
    }
    lines.push_back(std::move(line));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace heapwatch::exporters::pyroscope::tests
