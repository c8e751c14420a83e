// The heapwatch program: its command line.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/command_line.h"
#include "agent/manual.h"
#include "agent/pprof/command.h"
#include "agent/process/held_signals.h"
#include "agent/wiring/configured.h"
#include "base/nearest.h"
#include "base/printable_stream.h"

namespace {

namespace commands = heapwatch::agent::commands;
using heapwatch::agent::CommandLine;

/// What stands behind the first `--` of `heapwatch leak`: a program to start, not a target. It is
/// taken out of the arguments.
std::vector<std::string> take_program_of_leak(std::vector<std::string>& arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  const auto command = std::find_if(arguments.begin(), dashes, [](const std::string& one) {
    return one == "leak" || one == "exec";
  });
  if (dashes == arguments.end() || command == dashes || *command != "leak") {
    return {};
  }
  std::vector<std::string> program(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());
  return program;
}

/// The arguments of `heapwatch pprof ...`, where that is what is asked for.
std::optional<std::vector<std::string>> pprof_arguments(int argc, char** argv) {
  if (argc < 2 || std::string_view(argv[1]) != "pprof") {
    return std::nullopt;
  }
  return std::vector<std::string>(argv + 2, argv + argc);
}

/// What was taken for a subcommand and is none, and what may have been meant; else empty.
std::string unknown_subcommand(const CLI::App& app) {
  const std::vector<std::string> words = app.remaining();
  if (!app.get_subcommands().empty() || words.empty()) {
    return "";
  }
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    names.push_back(command->get_name());
  }
  return "unknown subcommand \"" + words.front() + '"' +
         heapwatch::base::did_you_mean(words.front(),
                                       std::vector<std::string_view>(names.begin(), names.end()));
}

/// For the build, which installs the manual: not on the page of --help.
constexpr std::string_view manual_argument = "--write-manual";

int make_manual(const CLI::App& app, const char* folder) {
  const auto written =
      heapwatch::agent::write_manual(app,
                                     {.version = HEAPWATCH_VERSION,
                                      .date = HEAPWATCH_DATE,
                                      .pprof_help = heapwatch::agent::pprof_help()},
                                     folder);
  if (!written) {
    std::cerr << "heapwatch: " << written.error().message << '\n';
    return 1;
  }
  return 0;
}

/// What all commands print comes from others in part: from pages, profiles and checks. The reports
/// of pprof see to that themselves, since some are for programs.
int run_command_line(int argc, char** argv) {
  const heapwatch::base::PrintableStream errors(std::cerr);
  if (!heapwatch::agent::process::hold_signals()) {
    std::cerr << "heapwatch: cannot hold signals back\n";
    return 1;
  }
  try {
    if (const auto arguments = pprof_arguments(argc, argv)) {
      heapwatch::agent::process::let_signals_go();
      return heapwatch::agent::run_pprof_command(*arguments);
    }
    const heapwatch::base::PrintableStream output(std::cout);
    CommandLine line;
    describe(line);
    if (argc == 3 && std::string_view(argv[1]) == manual_argument) {
      return make_manual(line.app, argv[2]);
    }
    if (argc == 1) {
      std::cout << line.app.help();
      return 0;
    }
    try {
      // From the last to the first, as the parser takes them.
      std::vector<std::string> arguments = commands::with_long_flags({argv + 1, argv + argc});
      line.leak.program = take_program_of_leak(arguments);
      std::reverse(arguments.begin(), arguments.end());
      line.app.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
      if (const std::string unknown = unknown_subcommand(line.app); !unknown.empty()) {
        std::cerr << "heapwatch: " << unknown << "\nRun with --help for more information.\n";
        return error.get_exit_code();
      }
      return line.app.exit(error);
    }
    return line.act();
  } catch (const std::exception& error) {
    std::cerr << "heapwatch: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto status = commands::run_hidden_command({argv, static_cast<std::size_t>(argc)})) {
    return *status;
  }
  const int code = run_command_line(argc, argv);
  heapwatch::agent::wiring::python_loader().remove_temporary_files();
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "heapwatch: the standard output could not be written\n";
    return code == 0 ? 1 : code;
  }
  return code;
}
