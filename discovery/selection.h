// What is to be watched of what sources have said.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "discovery/template.h"
#include "discovery/watch.h"

namespace heapwatch::discovery {

struct Chosen {
  Endpoint endpoint;
  bool is_remote = false;  // a source on another machine named it
};

struct Selection {
  std::vector<Chosen> chosen;         // each another, in the order of the sources
  std::size_t dropped = 0;            // by rules
  std::size_t refused = 0;            // not allowed, or no address
  std::vector<std::string> refusals;  // sentences: the first few
};
inline constexpr std::size_t refusals_told_max = 5;

/// Threads: any.
[[nodiscard]] Selection select(const Template& from, const std::vector<SourceList>& lists);

/// What tells targets of a template apart.
[[nodiscard]] std::string key_of(const Chosen& chosen);

}  // namespace heapwatch::discovery
