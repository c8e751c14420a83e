// What is to be watched of what sources have said.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/template.h"
#include "discovery/watch.h"

namespace heapwatch::discovery {

struct Chosen {
  Endpoint endpoint;
  bool is_remote = false;  // a source on another machine named it
  /// By Autodiscovery, without the tags of the container; the endpoint's URL is what it asks, if it
  /// asks a URL.
  std::optional<config::Value> instance = {};
};

struct Selection {
  std::vector<Chosen> chosen;         // each another, in the order of the sources
  std::size_t dropped = 0;            // by rules
  std::size_t refused = 0;            // not allowed, or no address
  std::size_t elsewhere = 0;          // watched by other agents
  std::vector<std::string> moved;     // keys of those among them that were watched here
  std::vector<std::string> refusals;  // sentences: the first few
};
inline constexpr std::size_t refusals_told_max = 5;

/// Which targets are for this agent.
struct Share {
  std::function<bool(std::string_view url)> is_own;             // empty: all
  std::function<bool(const std::string& key)> is_watched = {};  // until now
};

/// Threads: any.
[[nodiscard]] Selection select(const Template& from, std::span<const SourceList> lists,
                               const Share& share = {});

/// The instance that watches it.
[[nodiscard]] config::Value instance_of(const Template& from, const Chosen& chosen);

/// What tells targets of a template apart.
[[nodiscard]] std::string key_of(const Chosen& chosen);

}  // namespace heapwatch::discovery
