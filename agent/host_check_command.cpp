// The process that runs one check for the agent: what `check_isolation: process` starts.
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "agent/commands.h"
#include "agent/configured.h"
#include "check/children/fork.h"
#include "check/children/keeper.h"
#include "check/isolation/host.h"

namespace heapwatch::agent {

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
  const config::AgentConfigFile agent = load_agent({.config_file = unless_empty(load.config_file),
                                                    .confd = unless_empty(load.confd_path),
                                                    .log_level = unless_empty(load.log_level)});
  account_memory(agent.config);
  const config::CheckConfig file{.check_name = load.check_name,
                                 .file = load.file,
                                 .init_config = load.init_config,
                                 .instances = {load.instance}};
  config::Diagnostics diagnostics;
  auto configured = make_check({file, file.instances.front(), agent.config}, diagnostics);
  if (!configured) {
    return base::fail(base::ErrorKind::invalid, first_error(diagnostics));
  }
  return check::LoadedCheck{.check = std::move(configured->check),
                            .version = configured->instance->check_version};
}

}  // namespace

int host_check() {
  check::children::use_own_group();
  check::children::prepare_forks();
  check::isolation::stay_in_this_process();
  const int status = check::isolation::host(load_check);
  std::_Exit(status);  // threads of the check may still use what destructors would free
}

}  // namespace heapwatch::agent
