#include <unistd.h>

#include <chrono>
#include <iostream>

#include "agent/commands/commands.h"
#include "agent/pages/discovery_lines.h"
#include "agent/process/standard_output.h"
#include "agent/process/terminal.h"
#include "agent/wiring/discovered.h"
#include "base/counted.h"
#include "base/printable.h"

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

/// Checks are many, and a person reads this.
constexpr std::size_t targets_shown_max = 20;

/// The targets that there are now. Those of a source that is away are no error of the
/// configuration.
void print_discovery(wiring::Configured& configured) {
  std::size_t at = configured.checks.size();
  for (const wiring::DiscoveryState& state : wiring::discover_now(configured)) {
    std::cout << "=== Discovery ===\n"
              << pages::discovery_lines({state}, std::chrono::system_clock::now());
    for (std::size_t i = 0; i < state.instances; ++i) {
      const metrics::Instance& instance = *configured.checks[at++]->instance;
      if (i < targets_shown_max) {
        std::cout << "      " << base::printable(instance.id + " " + instance.target) << '\n';
      }
    }
    if (state.instances > targets_shown_max) {
      std::cout << "      and "
                << base::counted(state.instances - targets_shown_max, "more instance") << '\n';
    }
    std::cout << "===\n\n";
  }
}

}  // namespace

int check_config(const wiring::GlobalOptions& global) {
  wiring::Configured configured = [&] {
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
  print_discovery(configured);
  std::cout << base::counted(configured.checks.size(), "instance") << " can run, "
            << base::counted(errors, "error") << ", " << base::counted(warnings, "warning") << '\n';
  return errors == 0 ? 0 : 1;
}

}  // namespace heapwatch::agent::commands
