// Everything the configuration says, ready to run.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "check/python/python_loader.h"
#include "check/registry.h"
#include "config/agent_config.h"
#include "config/check_config.h"
#include "discovery/template.h"

namespace heapwatch::agent::wiring {

/// What every subcommand takes.
struct GlobalOptions {
  std::optional<std::string> config_file;  // -c
  std::optional<std::string> confd;        // --confd
  std::optional<std::string> log_level;    // --log-level
};

struct Configured {
  config::AgentConfig agent;
  config::Confd confd;
  /// The instances that can run. Instances of equal text are there once.
  std::vector<std::unique_ptr<check::ConfiguredCheck>> checks;
  /// Those whose targets are discovered.
  std::vector<discovery::Template> templates;
  /// Of heapwatch.yaml, of conf.d and of every instance.
  config::Diagnostics diagnostics;
  /// heapwatch.yaml or a variable has an error: what was meant is not known.
  bool agent_is_wrong = false;
};

/// Where heapwatch.yaml is looked for: what -c says, or /etc/heapwatch/heapwatch.yaml, which need
/// not be there.
[[nodiscard]] std::filesystem::path config_file(const GlobalOptions& options);

/// heapwatch.yaml, if it is there, and the environment. Sets the log level.
[[nodiscard]] config::AgentConfigFile load_agent(const GlobalOptions& options);

/// The one source of Python checks: the process has one interpreter, which is never ended.
[[nodiscard]] check::python::PythonLoader& python_loader();

/// Its report, with what the checks in processes of their own told.
[[nodiscard]] check::python::PythonReport python_report();

/// Switches the accounting of native memory on or off, before any check runs.
void account_memory(const config::AgentConfig& agent);

/// The check of an instance, from whichever loader has it. Threads: any.
[[nodiscard]] std::unique_ptr<check::ConfiguredCheck> make_check(
    const check::InstanceSource& source, config::Diagnostics& diagnostics);

/// The template of an instance with `discover:`, which the check can be made of.
[[nodiscard]] std::optional<discovery::Template> make_template(const check::InstanceSource& source,
                                                               config::Diagnostics& diagnostics);

/// conf.d as `agent` says to read it.
[[nodiscard]] config::Confd load_confd(const config::AgentConfig& agent,
                                       const std::optional<std::string>& only_check = std::nullopt);

enum class WhenWrong : bool {
  go_on,  // an option with an error is as if it were not given
  stop,   // conf.d is not read, since what would run is not what was meant
};

/// The whole configuration; `when_wrong` says what an error of heapwatch.yaml means. With
/// `only_check`, files of that check alone are read.
[[nodiscard]] Configured load(const GlobalOptions& options, WhenWrong when_wrong,
                              const std::optional<std::string>& only_check = std::nullopt);

}  // namespace heapwatch::agent::wiring
