// Which processes `heapwatch memory` is asked for, and what they tell of themselves.
#pragma once

#include <optional>
#include <vector>

#include "agent/commands/commands.h"
#include "base/error.h"
#include "check/target_url.h"
#include "memory/process/find.h"
#include "memory/survey.h"
#include "net/http.h"

namespace heapwatch::agent::commands {

/// A page of expvars, and whose it is.
struct GoPage {
  net::HttpRequest request;
  int pid = 0;
};

struct MemoryTargets {
  std::vector<int> pids;  // each once, in the order of the command line
  std::optional<GoPage> page;
  bool is_listing = false;  // nothing was named: the largest processes are meant
};

/// The process that listens where a URL of this machine leads to. Errors: not_found; invalid for
/// another machine, a socket, and a port at which several listen.
[[nodiscard]] base::Result<memory::process::Entry> process_at(const check::TargetUrl& target);

/// Errors: not_found, invalid.
[[nodiscard]] base::Result<MemoryTargets> memory_targets(const MemoryOptions& options);

/// Asks for the page, and splits or checks Go's memory by it. What cannot be had is `missing`.
void ask_go(const GoPage& page, memory::Survey& survey);

/// Asks a Go program that nobody named a page of whether it serves expvars: on the ports of the
/// loopback at which it listens, for that page alone. Nothing is said of what is none, or of
/// another program.
void ask_go_by_itself(memory::Survey& survey);

}  // namespace heapwatch::agent::commands
