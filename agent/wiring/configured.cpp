#include "agent/wiring/configured.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "agent/wiring/write_relabel.h"
#include "base/log.h"
#include "check/isolation/host.h"
#include "check/isolation/isolated_check.h"
#include "check/isolation/isolation_options.h"
#include "check/shared_library/shared_library_check.h"
#include "config/gathered.h"
#include "config/secrets.h"
#include "config/settings.h"
#include "memtrack/memtrack.h"

namespace heapwatch::agent::wiring {

namespace {

constexpr const char* default_config_file = "/etc/heapwatch/heapwatch.yaml";

/// What the program was started with: the processes of checks read the same files.
GlobalOptions& started_with() {
  static auto* const instance = new GlobalOptions;
  return *instance;
}

check::ToldByProcesses& told_by_processes() {
  static auto* const told = new check::ToldByProcesses;
  return *told;
}

check::isolation::IsolatingLoader isolating_loader(const check::InstanceSource& source,
                                                   const check::isolation::Isolation& isolation) {
  std::string name = "process";
  for (const config::Value* const options : {&source.instance, &source.file.init_config}) {
    const config::Value* const loader = options->find("loader");
    if (loader != nullptr && loader->kind == config::Value::Kind::scalar) {
      name = loader->text;
      break;
    }
  }
  return {std::move(name),
          {.arguments = {"heapwatch", check::isolation::host_argument},
           .run_timeout = isolation.run_timeout,
           .told = &told_by_processes()},
          {.config_file = started_with().config_file.value_or(""),
           .confd_path = std::filesystem::absolute(source.agent.confd_path).string(),
           .log_level = started_with().log_level.value_or("")}};
}

bool is_native(const std::string& check_name) {
  const auto natives = check::check_names();
  return std::find(natives.begin(), natives.end(), check_name) != natives.end();
}

/// What an instance is made with to see whether its template is right.
constexpr const char* address_of_nobody = "http://target.invalid/debug/vars";

}  // namespace

std::filesystem::path config_file(const GlobalOptions& options) {
  return options.config_file.value_or(default_config_file);
}

config::AgentConfigFile load_agent(const GlobalOptions& options) {
  started_with() = options;
  std::optional<std::filesystem::path> file = config_file(options);
  std::error_code failure;
  const auto found = std::filesystem::status(*file, failure).type();
  if (!options.config_file && found == std::filesystem::file_type::not_found) {
    file.reset();
  }
  config::AgentConfigFile loaded = config::load_agent_config(file, config::process_environment);
  check_write_relabel(loaded.config.settings, file ? file->string() : "", loaded.diagnostics);
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

check::python::PythonReport python_report() {
  check::python::PythonReport report = python_loader().report();
  check::merge(report.host.told, told_by_processes().all());
  return report;
}

void account_memory(const config::AgentConfig& agent) {
  memtrack_set_sample_interval(agent.memtrack_sample_interval);
  memtrack_enable(agent.memtrack_enabled ? 1 : 0);
}

std::unique_ptr<check::ConfiguredCheck> make_check(const check::InstanceSource& source,
                                                   config::Diagnostics& diagnostics) {
  // Loaders are asked from one thread at a time.
  static std::mutex loading;
  std::unique_lock lock(loading, std::defer_lock);
  if (!is_native(source.file.check_name)) {
    lock.lock();
  }
  if (const auto isolation = check::isolation::read_isolation(source, diagnostics)) {
    check::isolation::IsolatingLoader processes = isolating_loader(source, *isolation);
    const std::array<check::Loader*, 1> loaders{&processes};
    return check::make_check(source, loaders, diagnostics);
  }
  check::shared_library::SharedLibraryLoader libraries;
  const std::array<check::Loader*, 2> loaders{&libraries, &python_loader()};
  return check::make_check(source, loaders, diagnostics);
}

std::optional<discovery::Template> make_template(const check::InstanceSource& source,
                                                 config::Diagnostics& diagnostics) {
  auto made = discovery::read_template(source, diagnostics);
  // To make any other is to start it.
  // With variables it is made for a container alone.
  if (made && !made->autodiscovery && is_native(source.file.check_name)) {
    discovery::Endpoint nobody;
    nobody.url = address_of_nobody;
    if (std::any_of(made->sources.begin(), made->sources.end(),
                    [](const auto& one) { return one->options().are_processes; })) {
      nobody.url = "nobody";
      nobody.option = "process_name";
    }
    const config::Value instance = discovery::instance_of(*made, nobody, false);
    if (!make_check({made->file, instance, source.agent}, diagnostics)) {
      return std::nullopt;
    }
  }
  return made;
}

config::Confd load_confd(const config::AgentConfig& agent,
                         const std::optional<std::string>& only_check) {
  config::SecretResolver secrets(agent.secrets);
  return config::load_confd(agent.confd_path,
                            {.secrets = &secrets,
                             .allowed_env_vars = agent.ad_allowed_env_vars,
                             .resolve_env_vars = !agent.ad_disable_env_var_resolution,
                             .only_check = only_check});
}

Configured load(const GlobalOptions& options, WhenWrong when_wrong,
                const std::optional<std::string>& only_check) {
  config::AgentConfigFile loaded = load_agent(options);
  Configured configured;
  configured.agent = std::move(loaded.config);
  configured.diagnostics = std::move(loaded.diagnostics);
  configured.agent_is_wrong = configured.diagnostics.has_errors();
  if (configured.agent_is_wrong && when_wrong == WhenWrong::stop) {
    return configured;
  }

  configured.confd = load_confd(configured.agent, only_check);
  configured.diagnostics.append(configured.confd.diagnostics);

  std::unordered_set<std::string> ids;
  for (const config::PackedCheckConfig& packed : configured.confd.checks) {
    const config::CheckConfig file = packed.unpack();
    config::Diagnostics of_file;
    for (const config::Value& instance : file.instances) {
      if (discovery::is_template(instance)) {
        if (auto made = make_template({file, instance, configured.agent}, of_file)) {
          configured.templates.push_back(*std::move(made));
        }
        continue;
      }
      auto check = make_check({file, instance, configured.agent}, of_file);
      if (check && ids.insert(check->instance->id).second) {
        configured.checks.push_back(std::move(check));
      }
    }
    config::gather(of_file, configured.diagnostics);
  }
  return configured;
}

}  // namespace heapwatch::agent::wiring
