// What the agent says of itself: /debug/vars, and the text and JSON of /status.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/pages/check_verdicts.h"
#include "agent/pages/verdicts.h"
#include "agent/wiring/discovered.h"
#include "agent/wiring/exporters.h"
#include "agent/wiring/reload.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/process_usage.h"
#include "check/python/python_loader.h"
#include "check/schedule/scheduler.h"
#include "config/value.h"
#include "history/recorder.h"
#include "memory/survey.h"
#include "metrics/run_stats.h"

namespace heapwatch::agent::pages {

[[nodiscard]] constexpr double in_seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

/// What heapwatch counts of itself.
struct OwnFigures {
  check::schedule::Scheduler::Totals scheduler;
  std::map<std::string, check::schedule::CheckTotals> by_check;
  std::size_t transfers_running = 0;
  std::size_t transfers_waiting = 0;
  std::chrono::nanoseconds lag{0};
  std::chrono::nanoseconds lag_max{0};
  std::uint64_t log_lines_lost = 0;
  wiring::ReloadState reload;
  std::vector<wiring::DiscoveryState> discovery;
  std::vector<wiring::ExporterState> exporters;
  std::vector<CheckVerdict> check_verdicts;
  std::optional<history::Recorder::Status> history;  // absent: it is switched off
};

/// A copy of everything the pages show, taken at one moment.
struct SelfReport {
  base::Instant now;
  base::ProcessUsage process;
  OwnFigures own;
  std::vector<metrics::RunStats> instances;
  std::string config_file;  // empty: none
  std::string confd_path;
  base::LogLevel log_level = base::LogLevel::info;
  check::python::PythonReport python;
  /// On the status page alone, since counting them takes a look at each.
  std::vector<check::python::ObjectCount> python_objects;
  /// Likewise. Null: it could not be looked at.
  std::shared_ptr<const memory::Survey> memory;
  /// Likewise: whether watched processes leak.
  Verdicts verdicts;
};

/// A page of expvars: `process`, `rtloader`, `memtrack` (with its `components`), `scheduler`,
/// `event_loop`, `reloads`, `checks` (by name, and by instance below), the exporters by name,
/// and what write_python() adds. No command line: it may hold secrets.
[[nodiscard]] std::string debug_vars(const SelfReport& report);

/// As `heapwatch status` shows it.
[[nodiscard]] std::string status_text(const SelfReport& report, bool colors);
[[nodiscard]] std::string status_json(const SelfReport& report);

}  // namespace heapwatch::agent::pages
