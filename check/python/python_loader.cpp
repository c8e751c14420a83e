#include "check/python/python_loader.h"

#include <unistd.h>

#include <array>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "check/children/keeper.h"
#include "memtrack/memtrack.h"

namespace heapwatch::check::python {

namespace {

constexpr const char* module_name = "heapwatch_python.so";
constexpr const char* base_folder_variable = "HEAPWATCH_DATADOG_CHECKS_BASE";

std::string machine_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

bool holds_base(const std::filesystem::path& folder) {
  std::error_code failure;
  return std::filesystem::exists(folder / "datadog_checks" / "base", failure);
}

/// Where the operator says that Datadog's own base package is; empty when nowhere. The folder that
/// holds `datadog_checks`, that folder itself, or the checkout above it.
std::filesystem::path datadog_base() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the environment is not changed after start
  const char* const value = std::getenv(base_folder_variable);
  const std::filesystem::path folder = value == nullptr ? "" : value;
  for (const std::filesystem::path& place :
       {folder, folder / "datadog_checks_base", folder.parent_path(),
        folder.parent_path().parent_path()}) {
    if (!folder.empty() && holds_base(place)) {
      return std::filesystem::absolute(place);
    }
  }
  if (!folder.empty()) {
    base::log(base::LogLevel::warn, std::string(base_folder_variable) + "=" + folder.string() +
                                        ": no datadog_checks/base is there, so it does not count");
  }
  return {};
}

Services services_of(const config::AgentConfig& agent, const std::string& version,
                     const std::filesystem::path& module) {
  Services services{.allocate = _malloc,
                    .release = _free,
                    .log = base::log,
                    .remembered = &base::remembered(),
                    .child_group = children::group,
                    .keep_child = children::keep};
  if (std::filesystem::path base = datadog_base(); !base.empty()) {
    services.search_paths.push_back(std::move(base));
  }
  for (std::filesystem::path& folder : check_folders(agent)) {
    services.search_paths.push_back(std::move(folder));
  }
  services.owned_code_only = !agent.allow_untrusted_code;
  services.packages = module.parent_path() / "python";
  services.memory_telemetry = agent.python_memory;
  services.version = version;
  services.hostname = agent.hostname.empty() ? machine_name() : agent.hostname;
  services.cluster_name = agent.cluster_name;
  services.host_tags = agent.tags;
  services.settings = agent.settings;
  services.tracemalloc_debug = agent.tracemalloc_debug;
  services.run_path = agent.run_path;
  return services;
}

std::string joined(const std::vector<std::filesystem::path>& paths) {
  std::string text;
  for (const std::filesystem::path& path : paths) {
    text += (text.empty() ? "" : ", ") + path.string();
  }
  return text;
}

}  // namespace

struct PythonLoader::State {
  std::string version;
  std::optional<MemoryProfile> memory_profile;
  bool serves_heap = false;
  std::optional<base::Result<Host*>> host;  // once it was tried to start

  [[nodiscard]] base::Result<Host*> running_host() const {
    return host ? *host : base::fail(base::ErrorKind::not_found, "no Python check is loaded");
  }

  mutable std::mutex mutex;  // of what follows
  PythonReport told;
};

PythonLoader::PythonLoader(std::string version) : state_(std::make_unique<State>()) {
  state_->version = std::move(version);
}

PythonLoader::~PythonLoader() = default;

base::Result<LoadedCheck> PythonLoader::load(const InstanceSource& source, const std::string& id) {
  if (!state_->host) {
    // Python code takes a broken pipe as an error of the call, as it does in an interpreter of its
    // own.
    (void)std::signal(SIGPIPE, SIG_IGN);
    const auto module = find_module();
    if (module) {
      Services services = services_of(source.agent, state_->version, *module);
      services.memory_profile = state_->memory_profile;
      services.sample_interval = state_->serves_heap ? source.agent.memtrack_sample_interval : 0;
      services.sample_all = source.agent.profiler == config::PythonProfiler::sampled;
      state_->host = load_host(*module, services);
    } else {
      state_->host = tl::unexpected(module.error());
    }
    const std::lock_guard lock(state_->mutex);
    state_->told.running = state_->host->has_value();
    if (!*state_->host) {
      state_->told.start_errors.push_back(state_->host->error().message);
    }
  }
  if (!*state_->host) {
    return tl::unexpected(state_->host->error());
  }
  auto loaded = (**state_->host)
                    ->load({.name = source.file.check_name,
                            .id = id,
                            .init_config = source.file.init_config,
                            .instance = source.instance});
  if (!loaded && loaded.error().kind == base::ErrorKind::not_found) {
    loaded.error().message = "there is no module " + source.file.check_name +
                             " nor datadog_checks." + source.file.check_name + " in " +
                             joined(check_folders(source.agent)) + " nor among what is installed";
  }
  if (!loaded) {
    const std::lock_guard lock(state_->mutex);
    state_->told.configure_errors[source.file.check_name].push_back(loaded.error().message);
  }
  return loaded;
}

PythonReport PythonLoader::report() const {
  const std::lock_guard lock(state_->mutex);
  PythonReport report = state_->told;
  if (report.running) {
    report.host = (**state_->host)->report();
  }
  return report;
}

void PythonLoader::remove_temporary_files() const noexcept {
  if (state_->host && *state_->host) {
    (**state_->host)->remove_temporary_files();
  }
}

void PythonLoader::profile_memory(MemoryProfile profile) {
  state_->memory_profile = std::move(profile);
}

base::Result<MemoryReports> PythonLoader::finish_memory_profile(const std::string& id) {
  return state_->running_host().and_then(
      [&](Host* host) { return host->finish_memory_profile(id); });
}

base::Result<std::vector<ObjectCount>> PythonLoader::objects(bool collect) const {
  base::Result<Host*> host;
  {
    const std::lock_guard lock(state_->mutex);
    host = state_->running_host();
  }
  return host.and_then([&](Host* running) { return running->objects(collect); });
}

void PythonLoader::serve_heap() {
  state_->serves_heap = true;
}

base::Result<int> PythonLoader::heap_books(bool collect) const {
  base::Result<Host*> host;
  {
    const std::lock_guard lock(state_->mutex);
    host = state_->running_host();
  }
  return host.and_then([&](Host* running) { return running->heap_books(collect); });
}

void PythonLoader::collect_garbage() const {
  if (state_->host && *state_->host) {
    (**state_->host)->collect_garbage();
  }
}

base::Result<std::filesystem::path> find_module() {
  std::error_code failure;
  const std::filesystem::path program =
      std::filesystem::read_symlink("/proc/self/exe", failure).parent_path();
  std::string places;
  for (const char* const folder : {"../lib/heapwatch", "../check/python"}) {
    const std::filesystem::path module = (program / folder / module_name).lexically_normal();
    if (std::filesystem::exists(module, failure)) {
      return module;
    }
    places += (places.empty() ? "" : " nor ") + module.string();
  }
  return base::fail(base::ErrorKind::not_found, "cannot load Python: there is neither " + places);
}

std::vector<std::filesystem::path> check_folders(const config::AgentConfig& agent) {
  const std::filesystem::path confd =
      std::filesystem::absolute(agent.confd_path).lexically_normal();
  const std::filesystem::path folder =
      confd.has_filename() ? confd.parent_path() : confd.parent_path().parent_path();
  std::vector<std::filesystem::path> folders{folder / "checks.d"};
  if (!agent.additional_checksd.empty()) {
    folders.push_back(std::filesystem::absolute(agent.additional_checksd).lexically_normal());
  }
  return folders;
}

}  // namespace heapwatch::check::python
