// The subcommands of heapwatch: each takes its options and returns the exit status.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/commands/memory_profile.h"
#include "agent/wiring/configured.h"
#include "base/error.h"
#include "preload/injected.h"

namespace heapwatch::agent::commands {

/// Runs the agent until SIGTERM or SIGINT. The signals must be held (agent/held_signals.h).
[[nodiscard]] int run_agent(const wiring::GlobalOptions& global);

/// What another heapwatch starts this program for: nothing when that is not why it was started.
[[nodiscard]] std::optional<int> run_hidden_command(std::span<char* const> arguments);

struct CheckOptions {
  std::string name;
  bool check_rate = false;  // -r: two runs, a second apart
  int times = 1;            // -t
  int pause_ms = 0;         // between runs
  int delay_ms = 100;       // accepted as the Agent takes it: our runs are complete when they end
  std::string instance_filter;  // key=value
  bool json = false;
  bool table = false;
  bool dogstatsd = false;
  bool prometheus = false;
  MemoryProfileOptions memory;
};
/// Runs the instances of one check here and now, and prints what they measured.
[[nodiscard]] int run_check(const wiring::GlobalOptions& global, CheckOptions options);

/// Prints the configuration and everything wrong with it; 1 when there are errors.
[[nodiscard]] int check_config(const wiring::GlobalOptions& global);

/// Prints the status of a running agent.
[[nodiscard]] int show_status(const wiring::GlobalOptions& global, bool json);

struct ExecOptions {
  std::string listen;      // HOST:PORT or unix:PATH; empty: no pages
  std::string web_config;  // who may ask for them; empty: whoever reaches a loopback address
  std::string url;         // of the program's Go pages, whose heap is served, too; empty: none
  std::string report;      // a file; empty: none
  std::size_t sample_interval = std::size_t{512} * 1024;
  bool interpreter_frames = false;   // beside those of the code that it runs
  std::string flame;                 // a file; empty: none
  std::string children = "each";     // how they are told of: each, sum or none
  bool dormant = false;              // accounting is off until it is switched on
  int on = 0;                        // a process whose accounting to switch on; 0: none
  int off = 0;                       // or off
  std::vector<std::string> program;  // and its arguments
};
/// Runs a program and watches its native memory, and exits as it did; or switches the accounting of
/// a process on or off.
[[nodiscard]] int exec_program(const ExecOptions& options);

struct AttachOptions {
  std::string target;        // a pid, a name or a part of a command line
  double length_s = 0;       // 0: until interrupted
  std::string url;           // of the debug pages of a Go program; empty: Go's heap is left out
  std::string listen;        // HOST:PORT or unix:PATH; empty: no pages
  std::string web_config{};  // as in ExecOptions
  std::string report;        // a file; empty: none
  std::string flame;         // a file; empty: none
  std::size_t sample_interval = std::size_t{512} * 1024;
  preload::Python python = preload::Python::automatic;
  bool dry_run = false;  // say what would be done, and do nothing
  bool list = false;     // the processes that are attached to
};
/// Makes the allocations of a running process visible, tells what they are at the end, and lets go.
/// The signals must be held.
[[nodiscard]] int attach_to_process(const AttachOptions& options);
/// Lets go of a process that an attach has left.
[[nodiscard]] int detach_from_process(const std::string& target);

struct VarsOptions {
  std::string url;
  std::string path;  // empty: the whole page
  bool watch = false;
  int interval_ms = 2000;
  int count = 0;  // of --watch: how many times; 0: until interrupted
};
/// Prints the values at a path of a page of expvars.
[[nodiscard]] int show_vars(const VarsOptions& options);

struct MemoryOptions {
  std::vector<std::string> targets;  // pids, names, parts of command lines; none: all processes
  unsigned port = 0;                 // of whoever listens on it; 0: not asked for
  std::string url;                   // of a page of expvars on this machine; empty: none
  bool json = false;
  std::size_t sizes = 5;  // of live blocks, the largest first
  bool types = false;     // count live objects by type
  bool files = false;     // a row for each file
  bool reach = false;     // tell what nothing leads to
  bool pause = false;     // stop the process for a moment
  std::string against;    // a file that --json has written; empty: none
  bool watch = false;
  int interval_ms = 5000;
  int count = 0;  // of --watch: how many looks; 0: until interrupted
};
/// Prints where the resident memory of processes is.
[[nodiscard]] int show_memory(const MemoryOptions& options);

struct LeakOptions {
  std::vector<std::string> targets;  // pids, names, parts of command lines, URLs
  double length_s = 300;
  double every_s = 0;    // between looks; 0: as their cost allows
  bool collect = false;  // have Go collect its garbage
  bool attach = false;   // to the processes, meanwhile
  bool json = false;
  std::string save;     // a folder; empty: none
  std::string from;     // one that --save has written: judged again
  std::string fail_on;  // "leak", or empty
  std::string ignore;   // a regular expression of sites, types and sizes that are no leak
};
/// "90s", "5m", "1h", or a number of seconds; a week at most. Errors: invalid.
[[nodiscard]] base::Result<double> parse_duration(std::string_view text);

struct DashboardOptions {
  std::string folder;
  // Absent: as the configuration has it.
  std::optional<std::string> naming;          // guide or reference
  std::optional<std::string> memstats_names;  // datadog or go_collector
  std::optional<std::string> memstats_namespace;
  std::optional<std::string> rtloader_namespace;
};
/// Writes the dashboards, monitors and alert rules with the names in use.
[[nodiscard]] int write_dashboards(const wiring::GlobalOptions& global,
                                   const DashboardOptions& options);

struct WebOptions {
  std::vector<std::string> targets;  // a file; or pids, names, parts of command lines
  std::string url;                   // of Go's /debug pages of the one process; empty: none
  std::string listen = "127.0.0.1:0";
  std::string web_config;  // as in ExecOptions
  double every_s = 2;      // between looks at the kernel's counters
};
/// Serves the live page of processes, which are looked at from outside, or of a file, until it is
/// told to stop. The signals must be held.
[[nodiscard]] int serve_web(const WebOptions& options);

struct HistoryOptions {
  std::string database;  // a file; empty: that of the agent
  std::string file;      // to write, or to read
  std::string from;      // a moment; empty: as the command has it
  std::string to;
  std::vector<std::int64_t> pids;   // with `lives`: who is meant; none: all
  std::vector<std::int64_t> lives;  // by their numbers
  bool json = false;
};
/// Prints the lives that the history knows.
[[nodiscard]] int list_history(const wiring::GlobalOptions& global, const HistoryOptions& options);
/// Writes a time of the history as an incident file.
[[nodiscard]] int export_history(const wiring::GlobalOptions& global,
                                 const HistoryOptions& options);
/// Adds what an incident file holds to a history.
[[nodiscard]] int import_history(const wiring::GlobalOptions& global,
                                 const HistoryOptions& options);

/// Says whether a shared library fits the ABI of checks; 1 when it does not.
[[nodiscard]] int check_plugin(const std::string& file);

}  // namespace heapwatch::agent::commands
