// What the built-in modules share: the program's services, and what checks told them.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "check/python/host.h"

namespace heapwatch::check::python {

struct AgentState {
  Services services;  // set before the interpreter starts, then only read

  std::mutex mutex;  // of `told`; never waited for while Python code could run
  HostReport told;
};

/// Never destroyed: threads of checks may outlive static destructors.
[[nodiscard]] AgentState& agent_state();

// Of what checks tell the agent about themselves: entries of a map, and bytes of a key or a text.
inline constexpr std::size_t told_max = 10'000;
inline constexpr std::size_t told_of_one_max = 1000;
inline constexpr std::size_t told_bytes_max = 4096;

/// The place of `key`; null when it is too long, or new and there are too many.
template <typename Map>
[[nodiscard]] typename Map::mapped_type* place_in(Map& map, const std::string& key,
                                                  std::size_t most = told_max) {
  if (key.size() > told_bytes_max) {
    return nullptr;
  }
  const auto found = map.find(key);
  if (found != map.end()) {
    return &found->second;
  }
  return map.size() >= most ? nullptr : &map[key];
}

}  // namespace heapwatch::check::python
