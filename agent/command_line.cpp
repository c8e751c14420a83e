#include "agent/command_line.h"

#include <iostream>
#include <optional>
#include <utility>

#include "agent/process/held_signals.h"
#include "base/log.h"

namespace heapwatch::agent {

namespace {

CLI::Validator log_level_name() {
  return CLI::Validator(
      [](std::string& name) {
        return base::parse_log_level(name)
                   ? std::string{}
                   : "\"" + name + "\" is none of trace, debug, info, warn, error, critical, off";
      },
      "LEVEL");
}

/// Has the command do this when it is asked for. The signals that the agent answers itself end any
/// other command.
void on(CLI::App& command, CommandLine& line, std::function<int()> act) {
  command.final_callback([&line, act = std::move(act)] {
    line.act = [act] {
      process::let_signals_go();
      return act();
    };
  });
}

/// As the Datadog Agent has them: not on the page of --help.
void describe_memory_profile(CLI::App& command, commands::MemoryProfileOptions& options) {
  auto* const profile =
      command.add_flag("-m,--profile-memory", options.profile,
                       "Print what memory each run of a Python check leaves behind, and where");
  command.add_flag("--objects", options.objects,
                   "Print the live Python objects by type, and what each run changes");
  command.add_option("--m-dir", options.folder)->group("")->needs(profile);
  command.add_option("--m-pprof", options.pprof_file)->group("")->needs(profile);
  for (const std::string& name : commands::memory_profile_options()) {
    command.add_option("--m-" + name, options.values[name])->group("")->needs(profile);
  }
}

void describe_check(CommandLine& line) {
  CLI::App* const command = line.app.add_subcommand(
      "check", "Run one check now and print what it measures, without an agent");
  commands::CheckOptions& options = line.check;
  command->add_option("name", options.name, "The check, as conf.d names it (go_expvar)")
      ->required();
  command->add_flag("-r,--check-rate", options.check_rate,
                    "Run twice, a second apart, so that rates and monotonic counters show");
  command->add_option("-t,--check-times", options.times, "How many times to run")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--pause", options.pause_ms, "Milliseconds between runs")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("-d,--delay", options.delay_ms,
                   "Milliseconds to wait before reading the result (default 100)")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--instance-filter", options.instance_filter,
                      "Only instances whose option has this value: namespace=my.app");
  describe_memory_profile(*command, options.memory);
  auto* const json = command->add_flag("--json", options.json, "Print JSON");
  auto* const table = command->add_flag("--table", options.table, "Print a table");
  auto* const dogstatsd = command->add_flag("--dogstatsd", options.dogstatsd,
                                            "Print the DogStatsD datagrams, a line each");
  auto* const prometheus =
      command->add_flag("--prometheus", options.prometheus, "Print the Prometheus page");
  for (auto* const one : {json, table, dogstatsd, prometheus}) {
    for (auto* const other : {json, table, dogstatsd, prometheus}) {
      if (one != other) {
        one->excludes(other);
      }
    }
  }
  on(*command, line, [&line] { return commands::run_check(line.global, line.check); });
}

void describe_memory(CommandLine& line) {
  CLI::App* const command = line.app.add_subcommand(
      "memory", "Tell where the resident memory of a running process is: memory PID");
  commands::MemoryOptions& options = line.memory;
  command->add_option("target", options.targets,
                      "Pids, names, parts of command lines or a URL of this machine; without any: "
                      "the largest processes");
  command->add_option("--port", options.port, "The process that listens on this TCP port")
      ->check(CLI::Range(1, 65535));
  command->add_option("--url", options.url,
                      "The Go program that serves this page of expvars (localhost:6060); the page "
                      "tells how its memory is split, too");
  command->add_flag("--json", options.json, "Print JSON");
  command->add_flag("--files", options.files, "Print a row for each file that is mapped");
  command->add_flag("--pause", options.pause,
                    "Stop the process for some milliseconds, to see all of it at one moment");
  command->add_flag("--reach", options.reach,
                    "Tell the blocks that nothing in the process leads to; pauses it, as --pause");
  command->add_flag("--types", options.types, "Count live objects by type, most bytes first");
  command->add_option("--sizes", options.sizes, "How many sizes of live blocks to list (default 5)")
      ->check(CLI::Range(0, 1000));
  command
      ->add_option("--against", options.against,
                   "Print what grew since this file, which --json has written")
      ->check(CLI::ExistingFile);
  auto* const watch = command->add_flag(
      "-w,--watch", options.watch,
      "Look again and again, and print what grew since the look before; of several "
      "processes a table with the change per second");
  command
      ->add_option("-i,--interval", options.interval_ms,
                   "Milliseconds between the looks of --watch (default 5000)")
      ->check(CLI::Range(100, 3'600'000))
      ->needs(watch);
  command->add_option("-n,--count", options.count, "How many looks --watch takes (0: no end)")
      ->check(CLI::Range(0, 1'000'000'000))
      ->needs(watch);
  on(*command, line, [&line] { return commands::show_memory(line.memory); });
}

}  // namespace

std::string not_empty(const std::string& text) {
  return text.empty() ? "must not be empty" : "";
}

CLI::Validator duration_text(double& seconds) {
  return CLI::Validator(
      [&seconds](std::string& text) {
        const auto parsed = commands::parse_duration(text);
        if (!parsed) {
          return parsed.error().message;
        }
        seconds = *parsed;
        return std::string{};
      },
      "TIME");
}

namespace {

void describe_leak(CommandLine& line) {
  CLI::App* const command = line.app.add_subcommand(
      "leak",
      "Say whether a process leaks, in which memory, where and how fast: leak PID, or leak -- "
      "PROGRAM ARGS");
  commands::LeakCommand& options = line.leak;
  command->add_option("target", options.targets,
                      "Pids, names or parts of command lines; addresses of Go's /debug pages");
  command->add_option("--check", options.check, "Run this check again and again, and watch it");
  command
      ->add_option("--times", options.times,
                   "How many times to run the check (default: as often as there is time for)")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--instance-filter", options.instance_filter,
                      "Of the check, only instances whose option has this value: key=value");
  command->add_flag("--stop", options.stop,
                    "End the program behind -- with SIGTERM when the time is over");
  command->add_option("--for", line.leak_length, "How long to watch at most (default 5m)")
      ->check(duration_text(options.length_s))
      ->each([&options](const std::string&) { options.is_length_given = true; });
  command
      ->add_option(
          "--every", line.leak_every,
          "Time between two looks (default 2s, longer where looks would take more than 2 % "
          "of a core)")
      ->check(duration_text(options.every_s));
  command->add_flag("--attach", options.attach,
                    "Attach to the processes meanwhile, as heapwatch attach does: names the lines "
                    "of their allocations");
  command->add_flag("--gc", options.collect,
                    "Have Go collect its garbage before each look, which stops the program for a "
                    "moment");
  command->add_flag("--json", options.json, "Print JSON");
  command->add_option("--save", options.save, "Keep what was seen in this folder");
  command->add_option("--from", options.from, "Judge again what --save has kept in this folder")
      ->check(CLI::ExistingDirectory);
  command
      ->add_option("--fail-on", options.fail_on,
                   "leak: exit with 3 when it leaks, and with 4 when that cannot be told")
      ->check(CLI::IsMember({"leak"}));
  command->add_option("--ignore", options.ignore,
                      "A regular expression of functions, types and sizes whose growth is no leak");
  on(*command, line, [&line] { return commands::tell_leaks(line.leak, line.global); });
}

void describe_vars(CommandLine& line) {
  CLI::App* const command = line.app.add_subcommand(
      "vars", "Print a page of expvars, or the part of it at a path: vars localhost:5000 memstats");
  commands::VarsOptions& options = line.vars;
  command
      ->add_option("url", options.url, "http://host:port[/path], host:port or unix:///a.sock/path")
      ->required();
  command->add_option("path", options.path,
                      "Steps separated by /, each a key, an index or a regular expression");
  command->add_flag("-w,--watch", options.watch,
                    "Print numbers again and again, with their change per second");
  command
      ->add_option("-i,--interval", options.interval_ms,
                   "Milliseconds between the pages of --watch")
      ->check(CLI::Range(100, 3'600'000));
  command->add_option("-n,--count", options.count, "How many pages --watch reads (0: no end)")
      ->check(CLI::NonNegativeNumber);
  on(*command, line, [&line] { return commands::show_vars(line.vars); });
}

void describe_plugin(CommandLine& line) {
  CLI::App* const plugin = line.app.add_subcommand("plugin", "Look at checks in shared libraries");
  plugin->require_subcommand(1);
  plugin->fallthrough();
  CLI::App* const command = plugin->add_subcommand(
      "check", "Load libdatadog-agent-NAME.so and say whether it fits the ABI; runs no check");
  command->add_option("file", line.plugin_file, "The library")->required();
  on(*command, line, [&line] { return commands::check_plugin(line.plugin_file); });
}

void describe_dashboards(CommandLine& line) {
  CLI::App* const command = line.app.add_subcommand(
      "dashboards",
      "Write dashboards, monitors and alert rules with the names that the configuration gives");
  commands::DashboardOptions& options = line.dashboards;
  command->add_option("-o,--out", options.folder, "The folder to write to")->required();
  command->add_option("--naming", options.naming, "Names of rtloader's counters")
      ->check(CLI::IsMember({"guide", "reference"}));
  command->add_option("--memstats-names", options.memstats_names, "Names of memstats at Prometheus")
      ->check(CLI::IsMember({"datadog", "go_collector"}));
  command->add_option("--namespace", options.memstats_namespace, "Namespace of memstats");
  command->add_option("--rtloader-namespace", options.rtloader_namespace, "Namespace of rtloader");
  on(*command, line, [&line] { return commands::write_dashboards(line.global, line.dashboards); });
}

/// Which part of the history is meant.
void describe_part(CLI::App& command, commands::HistoryOptions& options) {
  command.add_option("--from", options.from,
                     "Since when: 2h or 3d (ago), 2026-11-30T14:05 (local time; UTC with a Z)");
  command.add_option("--to", options.to, "Until when (now)");
  command.add_option("--pid", options.pids, "Processes of this number alone; may be repeated")
      ->check(CLI::NonNegativeNumber)
      ->allow_extra_args(false);
  command
      .add_option("--life", options.lives, "This life alone, as list numbers them; may be repeated")
      ->check(CLI::PositiveNumber)
      ->allow_extra_args(false);
}

void describe_history(CommandLine& line) {
  CLI::App* const history =
      line.app.add_subcommand("history", "Look at what heapwatch has kept, save a time of it");
  history->require_subcommand(1);
  history->fallthrough();
  commands::HistoryOptions& options = line.history;
  history->add_option("--db", options.database, "The file of the history (that of the agent)");
  CLI::App* const list =
      history->add_subcommand("list", "Print the processes, targets and checks that it knows");
  describe_part(*list, options);
  list->add_flag("--json", options.json, "Print JSON");
  on(*list, line, [&line] { return commands::list_history(line.global, line.history); });
  CLI::App* const save = history->add_subcommand(
      "export", "Write a time (the last day) as a file that heapwatch web opens elsewhere");
  describe_part(*save, options);
  save->add_option("-o,--out", options.file, "The file to write")->required();
  on(*save, line, [&line] { return commands::export_history(line.global, line.history); });
  CLI::App* const take =
      history->add_subcommand("import", "Add what such a file holds to the history");
  take->add_option("file", options.file, "The file")->required()->check(CLI::ExistingFile);
  on(*take, line, [&line] { return commands::import_history(line.global, line.history); });
}

void describe_web(CommandLine& line) {
  CLI::App* const command = line.app.add_subcommand(
      "web", "Serve the live page of a process, or of a saved file: web PID|FILE");
  commands::WebOptions& options = line.web;
  command
      ->add_option("target", options.targets,
                   "Pids, names or parts of command lines; or a file of heapwatch history export, "
                   "or of the history itself")
      ->required();
  command->add_option("--listen", options.listen,
                      "HOST:PORT or unix:PATH (a free port of loopback)");
  command->add_option("--web-config", options.web_config, web_config_help)
      ->check(CLI::ExistingFile);
  command->add_option("--url", options.url,
                      "The address of the process's Go pages, which tell more of its heap");
  command->add_option("--every", line.web_every, "Time between two looks (default 2s)")
      ->check(duration_text(options.every_s));
  // Its signals stay held: it waits for them.
  command->final_callback(
      [&line] { line.act = [&line] { return commands::serve_web(line.web); }; });
}

void describe_exec(CommandLine& line) {
  CLI::App* const command = line.app.add_subcommand(
      "exec", "Run a program with its native memory watched: exec [OPTIONS] -- PROGRAM ARGS");
  commands::ExecOptions& options = line.exec;
  CLI::Option* const listen =
      command
          ->add_option("--listen", options.listen,
                       "Serve the live page, /debug/vars and /debug/pprof/heap of it at HOST:PORT "
                       "or unix:PATH")
          ->check(not_empty);
  command->add_option("--web-config", options.web_config, web_config_help)
      ->check(CLI::ExistingFile);
  command
      ->add_option("--url", options.url,
                   "The address of its Go debug pages: Go's own heap is in the pages of --listen, "
                   "too")
      ->needs(listen);
  command
      ->add_option("--report", options.report, "Write its heap profile to this file when it ends")
      ->check(not_empty);
  command
      ->add_option("--sample-interval", options.sample_interval,
                   "One sample per so many bytes allocated, on average (default 524288)")
      ->check(CLI::Range(0, 32 * 1024 * 1024));
  command->add_flag("--interpreter-frames", options.interpreter_frames,
                    "Keep the native frames of Python itself beside the lines that it runs");
  command->add_option("--flame", options.flame, "Write a flame graph of it, a page, to this file")
      ->check(not_empty);
  command
      ->add_option("--children", options.children,
                   "Child processes: each (the largest by themselves), sum, or none (not watched)")
      ->check(CLI::IsMember({"each", "sum", "none"}));
  command->add_flag("--dormant", options.dormant,
                    "Begin with accounting switched off, which costs next to nothing");
  CLI::Option* const on_option =
      command->add_option("--on", options.on, "Switch the accounting of this process on")
          ->check(CLI::PositiveNumber);
  command
      ->add_option("--off", options.off,
                   "Switch it off; says what was held where nobody else does, as at an end")
      ->check(CLI::PositiveNumber)
      ->excludes(on_option);
  command->add_option("program", options.program, "The program and its arguments, after --");
  command->fallthrough(false);
  on(*command, line, [&line] { return commands::exec_program(line.exec); });
}

void describe_run(CommandLine& line) {
  CLI::App* const command =
      line.app.add_subcommand("run", "Run the agent until it is told to stop");
  // Its signals stay held: it answers them itself.
  command->final_callback(
      [&line] { line.act = [&line] { return commands::run_agent(line.global); }; });
}

void describe_configcheck(CommandLine& line) {
  CLI::App* const command = line.app.add_subcommand(
      "configcheck", "Print the configuration and every error in it; fails if there is one");
  command->alias("checkconfig");
  command->add_flag("-v,--verbose")
      ->description("Taken as the Agent takes it; warnings are always printed");
  on(*command, line, [&line] { return commands::check_config(line.global); });
}

void describe_status(CommandLine& line) {
  CLI::App* const command =
      line.app.add_subcommand("status", "Print the status of the running agent");
  command->add_flag("-j,--json", line.status_json, "Print JSON");
  on(*command, line, [&line] { return commands::show_status(line.global, line.status_json); });
}

/// Its flags are spelled as pprof spells them: main() hands them on before any is read here.
void describe_pprof(CommandLine& line) {
  CLI::App* const command =
      line.app.add_subcommand("pprof", "Analyse profiles of Go programs, as go tool pprof does");
  on(*command, line, [] {
    std::cerr << "heapwatch: pprof comes first: heapwatch pprof ...\n";
    return 1;
  });
}

}  // namespace

void describe(CommandLine& line) {
  CLI::App& app = line.app;
  app.set_version_flag("--version", "heapwatch " HEAPWATCH_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("-c,--config", line.global.config_file,
                 "heapwatch.yaml (default /etc/heapwatch/heapwatch.yaml, if there is one)")
      ->check(CLI::ExistingFile);
  app.add_option("--confd", line.global.confd, "The conf.d folder, instead of confd_path")
      ->check(CLI::ExistingDirectory);
  app.add_option("-l,--log-level", line.global.log_level,
                 "trace, debug, info, warn, error, critical or off")
      ->check(log_level_name());

  app.name("heapwatch");
  describe_run(line);
  describe_check(line);
  describe_configcheck(line);
  describe_status(line);
  describe_exec(line);
  describe_attach(line);
  describe_memory(line);
  describe_leak(line);
  describe_vars(line);
  describe_web(line);
  describe_history(line);
  describe_plugin(line);
  describe_dashboards(line);
  describe_pprof(line);
}

}  // namespace heapwatch::agent
