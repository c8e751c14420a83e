#include <unistd.h>

#include <iostream>

#include "agent/commands/commands.h"
#include "agent/process/standard_output.h"
#include "agent/process/terminal.h"
#include "base/counted.h"

namespace heapwatch::agent::commands {

namespace {

using config::Diagnostic;

/// Prints those of one severity under a heading; how many there were.
std::size_t print_diagnostics(const config::Diagnostics& diagnostics, Diagnostic::Severity severity,
                              std::string_view heading, process::Color color) {
  const bool colors = process::takes_colors(STDOUT_FILENO);
  std::size_t printed = 0;
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity != severity) {
      continue;
    }
    if (printed++ == 0) {
      std::cout << "=== " << process::colored(std::string(heading), color, colors) << " ===\n";
    }
    std::cout << config::to_text(diagnostic) << '\n';
  }
  if (printed != 0) {
    std::cout << '\n';
  }
  return printed;
}

void print_check(const config::CheckConfig& file, bool colors) {
  std::cout << "=== " << process::colored(file.check_name, process::Color::green, colors)
            << " check ===\n"
            << "Configuration provider: file\n"
            << "Configuration source: file:" << file.file.string() << '\n';
  for (const config::Value& instance : file.instances) {
    std::cout << "Config for instance ID: " << config::check_id(file, instance) << '\n'
              << config::to_yaml(config::scrubbed(instance)) << "~\n";
  }
  if (!file.init_config.members.empty()) {
    std::cout << "Init Config:\n" << config::to_yaml(config::scrubbed(file.init_config));
  }
  std::cout << "===\n\n";
}

}  // namespace

int check_config(const wiring::GlobalOptions& global) {
  const wiring::Configured configured = [&] {
    const process::StandardOutputAside aside;
    return load(global, wiring::WhenWrong::go_on);
  }();
  const std::size_t errors = print_diagnostics(configured.diagnostics, Diagnostic::Severity::error,
                                               "Configuration errors", process::Color::red);
  const std::size_t warnings =
      print_diagnostics(configured.diagnostics, Diagnostic::Severity::warning,
                        "Configuration warnings", process::Color::yellow);
  const bool colors = process::takes_colors(STDOUT_FILENO);
  for (const config::PackedCheckConfig& file : configured.confd.checks) {
    print_check(file.unpack(), colors);
  }
  std::cout << base::counted(configured.checks.size(), "instance") << " can run, "
            << base::counted(errors, "error") << ", " << base::counted(warnings, "warning") << '\n';
  return errors == 0 ? 0 : 1;
}

}  // namespace heapwatch::agent::commands
