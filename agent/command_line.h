// What heapwatch takes on its command line, but for pprof's.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "agent/commands/commands.h"
#include "agent/commands/leak_options.h"
#include "agent/wiring/configured.h"

namespace heapwatch::agent {

struct CommandLine {
  CLI::App app{
      "Watches the memory of processes in which Go, C/C++ and Python live together.\n"
      "Collects /debug/vars pages and emits them through DogStatsD and Prometheus."};
  wiring::GlobalOptions global;
  commands::CheckOptions check;
  commands::ExecOptions exec;
  commands::AttachOptions attach;
  commands::LeakCommand leak;
  commands::MemoryOptions memory;
  commands::VarsOptions vars;
  std::string leak_length;  // as written; read into `leak`
  std::string leak_every;
  std::string attach_length;
  std::string detach_target;
  std::string plugin_file;
  commands::DashboardOptions dashboards;
  commands::HistoryOptions history;
  commands::WebOptions web;
  std::string web_every;
  bool status_json = false;
  /// What the subcommand that was asked for does.
  std::function<int()> act = [] { return 0; };
};

/// Of commands that serve pages.
inline constexpr const char* web_config_help =
    "A file that asks for TLS and passwords or certificates, as web.config_file; without it other "
    "machines are not served";

/// A time such as 90s, 5m or 1h, read into `seconds`.
[[nodiscard]] CLI::Validator duration_text(double& seconds);
/// What is wrong with a text that must be there; empty: nothing.
[[nodiscard]] std::string not_empty(const std::string& text);

/// `attach` and `detach`.
void describe_attach(CommandLine& line);

/// Gives the line its subcommands, each with its options and what it does.
void describe(CommandLine& line);

}  // namespace heapwatch::agent
