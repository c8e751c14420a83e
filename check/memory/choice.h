// Which processes an instance watches.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "check/memory/machine.h"

namespace re2 {
class RE2;
}

namespace heapwatch::check::memory {

enum class ChoiceKind : std::uint8_t {
  pid_file,      // the pid that a file holds
  process_name,  // every process of a name
  pattern,       // every one whose command line has a match
  systemd_unit,  // every one of a unit
  cgroup,        // every one in a control group, or in one below it
  port,          // those that listen on a TCP port
  self,          // heapwatch
  exec,          // programs under `heapwatch exec`
  pid,           // the one of this number; no configuration says so
};

struct Choice {
  ChoiceKind kind = ChoiceKind::self;
  std::string text;
  unsigned port = 0;
  std::shared_ptr<const re2::RE2> pattern;
};

/// What is chosen, in words: "the process name nginx".
[[nodiscard]] std::string shown(const Choice& choice);

/// Pids, those with the most resident memory first. A list of processes that is not older than
/// `age` will do.
///
/// Errors: not_found when there is none, which is no error for programs under `heapwatch exec`; io
/// and invalid for a pid file.
[[nodiscard]] base::Result<std::vector<int>> choose(const Choice& choice, Machine& machine,
                                                    std::chrono::milliseconds age);

}  // namespace heapwatch::check::memory
