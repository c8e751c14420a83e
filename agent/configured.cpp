#include "agent/configured.h"

#include <array>
#include <set>
#include <utility>

#include "base/log.h"
#include "check/shared_library/shared_library_check.h"
#include "config/secrets.h"
#include "config/settings.h"

namespace heapwatch::agent {

namespace {

constexpr const char* default_config_file = "/etc/heapwatch/heapwatch.yaml";

}  // namespace

config::AgentConfigFile load_agent(const GlobalOptions& options) {
  std::optional<std::filesystem::path> file = options.config_file;
  if (!file && std::filesystem::exists(default_config_file)) {
    file = default_config_file;
  }
  config::AgentConfigFile loaded = config::load_agent_config(file, config::process_environment);
  if (options.confd) {
    loaded.config.confd_path = *options.confd;
  }
  if (options.log_level) {
    if (const auto level = base::parse_log_level(*options.log_level)) {
      loaded.config.log_level = *level;
      loaded.config.settings = config::settings(loaded.config, std::move(loaded.config.settings));
    }
  }
  base::set_log_level(loaded.config.log_level);
  return loaded;
}

check::python::PythonLoader& python_loader() {
  static auto* const loader = new check::python::PythonLoader(HEAPWATCH_VERSION);
  return *loader;
}

Configured load(const GlobalOptions& options, const std::optional<std::string>& only_check) {
  config::AgentConfigFile loaded = load_agent(options);
  Configured configured;
  configured.agent = std::move(loaded.config);
  configured.diagnostics = std::move(loaded.diagnostics);

  config::SecretResolver secrets(configured.agent.secrets);
  configured.confd =
      config::load_confd(configured.agent.confd_path,
                         {.secrets = &secrets,
                          .allowed_env_vars = configured.agent.ad_allowed_env_vars,
                          .resolve_env_vars = !configured.agent.ad_disable_env_var_resolution});
  configured.diagnostics.append(configured.confd.diagnostics);

  check::shared_library::SharedLibraryLoader libraries;
  const std::array<check::Loader*, 2> loaders{&libraries, &python_loader()};
  std::set<std::string> ids;
  for (const config::CheckConfig& file : configured.confd.checks) {
    if (only_check && file.check_name != *only_check) {
      continue;
    }
    for (const config::Value& instance : file.instances) {
      auto check =
          check::make_check({file, instance, configured.agent}, loaders, configured.diagnostics);
      if (check && ids.insert(check->instance->id).second) {
        configured.checks.push_back(std::move(check));
      }
    }
  }
  return configured;
}

}  // namespace heapwatch::agent
