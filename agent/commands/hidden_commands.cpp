// The parts that this program plays for another of its kind, which starts it: the keeper of the
// children of checks, the host of one check (`check_isolation: process`), and who is attached to a
// process that a check watches.
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "agent/commands/attach_steps.h"
#include "agent/commands/commands.h"
#include "agent/wiring/configured.h"
#include "check/children/attacher.h"
#include "check/children/fork.h"
#include "check/children/keeper.h"
#include "check/isolation/host.h"

namespace heapwatch::agent::commands {

namespace {

std::optional<std::string> unless_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

std::string first_error(const config::Diagnostics& diagnostics) {
  for (const config::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity == config::Diagnostic::Severity::error) {
      return diagnostic.message;
    }
  }
  return "no reason given";
}

base::Result<check::LoadedCheck> load_check(const check::isolation::Load& load) {
  const config::AgentConfigFile agent =
      wiring::load_agent({.config_file = unless_empty(load.config_file),
                          .confd = unless_empty(load.confd_path),
                          .log_level = unless_empty(load.log_level)});
  wiring::account_memory(agent.config);
  const config::CheckConfig file{.check_name = load.check_name,
                                 .file = load.file,
                                 .init_config = load.init_config,
                                 .instances = {load.instance}};
  config::Diagnostics diagnostics;
  auto configured = wiring::make_check({file, file.instances.front(), agent.config}, diagnostics);
  if (!configured) {
    return base::fail(base::ErrorKind::invalid, first_error(diagnostics));
  }
  return check::LoadedCheck{.check = std::move(configured->check),
                            .version = configured->instance->check_version};
}

int host_check() {
  check::children::use_own_group();
  check::children::prepare_forks();
  check::isolation::stay_in_this_process();
  const int status =
      check::isolation::host(load_check, [] { return wiring::python_loader().report().host.told; });
  wiring::python_loader().remove_temporary_files();
  std::_Exit(status);  // threads of the check may still use what destructors would free
}

}  // namespace

std::optional<int> run_hidden_command(std::span<char* const> arguments) {
  if (arguments.size() != 2) {
    return std::nullopt;
  }
  const std::string_view part = arguments[1];
  if (part.starts_with(check::children::attacher_argument)) {
    return stay_attached(std::string(part.substr(check::children::attacher_argument.size())));
  }
  if (part == check::children::keeper_argument) {
    return check::children::run_keeper();
  }
  return part == check::isolation::host_argument ? std::optional(host_check()) : std::nullopt;
}

}  // namespace heapwatch::agent::commands
