// What the built-in modules share: the program's services, and what checks told them.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "check/python/host.h"

namespace heapwatch::check::python {

struct AgentState {
  // Set before the interpreter starts, then only read.
  Services services;
  /// Whether this thread runs what is not to know that its memory is profiled.
  bool (*tracemalloc_is_hidden)() noexcept = nullptr;

  std::mutex mutex;  // of `told`; never waited for while Python code could run
  Told told;
};

/// Never destroyed: threads of checks may outlive static destructors.
[[nodiscard]] AgentState& agent_state();

}  // namespace heapwatch::check::python
