// One instance of memory.d/*.yaml, as a valid value.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "check/loader.h"
#include "check/memory/choice.h"
#include "check/memory/profile_folder.h"
#include "config/section.h"
#include "config/value.h"
#include "metrics/context.h"
#include "net/http.h"

namespace heapwatch::check::memory {

struct MemoryConfig {
  Choice choice;
  std::string target;  // what is chosen, in words
  metrics::Tags tags;
  std::string name;  // empty: the tag process_name says what the kernel calls each process
  std::optional<std::string> host;
  std::function<bool(std::string_view name)> allows;
  std::chrono::milliseconds interval{15'000};
  std::chrono::milliseconds walk_interval{60'000};
  std::chrono::milliseconds timeout{10'000};  // of the looks of one run
  double cpu_budget = 0.01;                   // of a core
  std::size_t processes_max = 100;
  std::string cgroup_root = "/sys/fs/cgroup";
  bool types = false;
  /// Seconds: of the windows in which processes are judged, the shortest first. None: they are not.
  std::vector<double> leak_windows{600, 3600, 86'400};
  ProfileFolderOptions profiles;
  bool attach = false;  // to each of the processes
  std::chrono::milliseconds profile_interval = std::chrono::minutes(10);  // for the history
  /// Of a Go program: where it tells its own counters. Asked when its heap cannot be walked.
  std::optional<net::HttpRequest> page;
};

/// Everything that is wrong goes to `diagnostics`, and the result is then empty.
[[nodiscard]] std::optional<MemoryConfig> read_config(const InstanceSource& source,
                                                      config::Diagnostics& diagnostics);

/// Which processes a map of a configuration means, by the same keys but those for one process that
/// is known (pid_file, expvar_url, self). What is wrong goes to the section's diagnostics.
[[nodiscard]] std::optional<Choice> read_choice_of_processes(config::Section& section);

}  // namespace heapwatch::check::memory
