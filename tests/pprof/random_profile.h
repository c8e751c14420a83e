// Profiles made of a seed: every table and every kind of label, with values of both signs.
#pragma once

#include <random>
#include <string>

#include "pprof/profile.h"

namespace heapwatch::pprof {

/// Profiles of different seeds share their functions and mappings, so that they merge in part.
inline Profile random_profile(unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](unsigned end) { return static_cast<unsigned>(random() % end); };
  Profile profile;
  const auto text = [&](const std::string& it) { return profile.strings.add(it); };
  profile.sample_types = {{text("objects"), text("count")}, {text("space"), text("bytes")}};
  profile.samples.set_type_count(2);
  profile.period_type = {text("space"), text("bytes")};
  profile.period = 524288;
  profile.time_nanos = 1'700'000'000'000'000'000 + below(1000);
  profile.mappings = {{.id = 1, .start = 0x400000, .limit = 0x500000, .file = text("/bin/prog")},
                      {.id = 2, .start = 0x700000, .limit = 0x800000, .file = text("/lib/x.so")}};
  for (std::uint32_t i = 0; i < 12; ++i) {
    const std::string name = "main.f" + std::to_string(i);
    profile.functions.push_back({.id = i + 1U,
                                 .name = text(name),
                                 .system_name = text(name),
                                 .file = text("/src/" + std::to_string(i % 4) + ".go"),
                                 .start_line = i});
  }
  for (std::uint32_t i = 0; i < 30; ++i) {
    const std::uint32_t mapping = i % 2;
    Location location{.id = i + 1U,
                      .address = profile.mappings[mapping].start + i * 16,
                      .mapping = mapping,
                      .first_line = static_cast<std::uint32_t>(profile.lines.size()),
                      .line_count = i % 4};
    for (std::uint32_t line = 0; line < location.line_count; ++line) {
      profile.lines.push_back({.function = (i * 5 + line) % 12, .line = 10 + i});
    }
    profile.locations.push_back(location);
  }
  const std::string values[] = {"red", "green", "blue"};
  for (int i = 0; i < 40; ++i) {
    for (unsigned depth = 1 + below(8); depth > 0; --depth) {
      profile.samples.add_frame(below(30));
    }
    const auto count = static_cast<std::int64_t>(below(20)) - 4;
    profile.samples.add_value(count);
    profile.samples.add_value(count * (16 << below(8)));
    if (below(2) == 0) {
      profile.samples.add_label({text("tenant"), false, text(values[below(3)]), 0});
    }
    if (below(2) == 0) {
      profile.samples.add_label({text("bytes"), true, text("bytes"), 16 << below(8)});
    }
    profile.samples.finish_sample();
  }
  return profile;
}

}  // namespace heapwatch::pprof
