// Python checks for the registry: starts the interpreter at the first one.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "check/loader.h"
#include "check/python/host.h"

namespace heapwatch::check::python {

/// What there is to tell of Python, whether it runs or not.
struct PythonReport {
  bool running = false;
  std::vector<std::string> start_errors;
  /// Why checks could not be loaded, by `name (version)` or name.
  std::map<std::string, std::vector<std::string>> configure_errors;
  HostReport host;
};

/// Threads: load() is called from one thread at a time; report() from any.
class PythonLoader final : public Loader {
 public:
  /// `version`: of the program.
  explicit PythonLoader(std::string version);
  PythonLoader(const PythonLoader&) = delete;
  PythonLoader& operator=(const PythonLoader&) = delete;
  ~PythonLoader() override;

  [[nodiscard]] std::string_view name() const override { return "python"; }
  /// The first call maps and starts CPython, with the agent's settings as they are then.
  [[nodiscard]] base::Result<LoadedCheck> load(const InstanceSource& source,
                                               const std::string& id) override;
  [[nodiscard]] PythonReport report() const;
  /// See Host; nothing where no Python runs.
  void remove_temporary_files() const noexcept;

  /// Before the first load(): has every Python check profiled.
  void profile_memory(MemoryProfile profile);
  /// See Host. Errors: also not_found, while no Python runs.
  [[nodiscard]] base::Result<MemoryReports> finish_memory_profile(const std::string& id);
  [[nodiscard]] base::Result<std::vector<ObjectCount>> objects(bool collect) const;
  /// Before the first load(): somebody will read what is sampled of Python's memory.
  void serve_heap();
  [[nodiscard]] base::Result<int> heap_books(bool collect) const;
  /// See Host; nothing where no Python runs.
  void collect_garbage() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Where the module is: beside the program as it is installed (`../lib/heapwatch`), or in the build
/// tree. Errors: not_found, with the places.
[[nodiscard]] base::Result<std::filesystem::path> find_module();

/// Folders of custom checks, in the order in which they are searched: `checks.d` beside conf.d, and
/// additional_checksd.
[[nodiscard]] std::vector<std::filesystem::path> check_folders(const config::AgentConfig& agent);

}  // namespace heapwatch::check::python
