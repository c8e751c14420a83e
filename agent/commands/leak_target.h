// The targets of `heapwatch leak`: processes, and the pages that they serve.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "memory/native/watched_processes.h"
#include "net/http.h"

namespace heapwatch::agent::commands {

/// A process, a page, or both of one program.
struct LeakTarget {
  std::optional<int> pid;
  std::string command;
  std::string url;                          // for people: without credentials; empty: none
  std::optional<net::HttpRequest> request;  // of its /debug/vars
  /// The books of a program that is watched; null while it has none. Empty: it is not.
  std::function<memory::native::WatchedProcesses::ProcessPtr()> books;
  bool is_started = false;   // by us
  bool is_attached = false;  // to by us
  std::string missing;       // what cannot be seen of it, and why; empty: nothing is known to be
};

/// The request for another page of the same program: "/debug/pprof/heap".
[[nodiscard]] net::HttpRequest page_of(const net::HttpRequest& vars, const std::string& path);

/// What texts of the command line mean, each program once: a pid, a name or a part of a command
/// line that means one process or several, or a URL. A URL of this machine is the process that
/// listens there, too; a URL behind a pid is taken for one that the pid serves. Errors: not_found,
/// invalid.
[[nodiscard]] base::Result<std::vector<LeakTarget>> leak_targets(
    const std::vector<std::string>& texts);

}  // namespace heapwatch::agent::commands
