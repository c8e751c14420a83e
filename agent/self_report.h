// What the agent says of itself: /debug/vars, and the text and JSON of /status.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/process_usage.h"
#include "check/python/python_loader.h"
#include "check/scheduler.h"
#include "config/value.h"
#include "exporters/dogstatsd/counters.h"
#include "metrics/run_stats.h"

namespace heapwatch::agent {

/// A copy of everything the pages show, taken at one moment.
struct SelfReport {
  base::Instant now;
  base::ProcessUsage process;
  check::Scheduler::Totals scheduler;
  std::vector<metrics::RunStats> instances;
  std::vector<config::Diagnostic> configuration;  // errors and warnings of the files
  std::string config_file;                        // empty: none
  std::string confd_path;
  std::string prometheus_address;                                // empty: off
  std::string dogstatsd_address;                                 // empty: off
  std::vector<std::pair<std::string, std::uint64_t>> dogstatsd;  // counters by name
  base::LogLevel log_level = base::LogLevel::info;
  check::python::PythonReport python;
  /// On the status page alone, since counting them takes a look at each.
  std::vector<check::python::ObjectCount> python_objects;
};

/// For SelfReport::dogstatsd.
[[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> named_counters(
    const exporters::dogstatsd::Counters& counters);

/// A page of expvars: `process`, `scheduler`, `checks` (by name, and by instance below),
/// `dogstatsd`, and what write_python() adds. No command line: it may hold secrets.
[[nodiscard]] std::string debug_vars(const SelfReport& report);

/// As `heapwatch status` shows it.
[[nodiscard]] std::string status_text(const SelfReport& report, bool colors);
[[nodiscard]] std::string status_json(const SelfReport& report);

}  // namespace heapwatch::agent
