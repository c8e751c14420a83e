// The Python space as the rest of the program sees it: no Python type, and no Python in memory
// until load_host().
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/remembered.h"
#include "check/loader.h"
#include "check/told.h"
#include "config/value.h"

namespace heapwatch::check::python {

/// What `heapwatch check <name> -m` asks for: every check is profiled.
struct MemoryProfile {
  std::filesystem::path folder;                // of the reports; empty: none is written
  std::map<std::string, std::string> options;  // frames, gc, ...: over those of init_config
};

/// What the module needs of the program that loads it. It is a shared object with copies of its own
/// of our libraries, so whatever has one state per process is handed in.
struct Services {
  /// Every C string and tag array on the boundary to Python is made and released by these.
  void* (*allocate)(std::size_t) noexcept = nullptr;
  void (*release)(void*) noexcept = nullptr;
  void (*log)(base::LogLevel level, std::string_view message) = nullptr;
  base::RememberedBytes* remembered = nullptr;  // null: the module counts for itself
  /// The process group for what checks start, and what is told of a child that leads one of its
  /// own; null: none.
  pid_t (*child_group)() noexcept = nullptr;
  void (*keep_child)(pid_t child) noexcept = nullptr;

  /// Appended to sys.path, in this order.
  std::vector<std::filesystem::path> search_paths;
  /// Of the code below search_paths, only what nobody but root and our user can change is imported.
  bool owned_code_only = false;
  /// Holds the folders of our own Python code: `base`, used when no other `datadog_checks.base` is
  /// installed, `support`, and, behind everything else on sys.path, `fallbacks` and `spawned`.
  std::filesystem::path packages;
  /// Counts the interpreter's memory: HostReport::memory.
  bool memory_telemetry = true;

  // What checks ask the agent for.
  std::string version;
  std::string hostname;
  std::string cluster_name;
  std::vector<std::string> host_tags;
  config::Value settings;  // of heapwatch.yaml, by key
  bool tracemalloc_debug = false;
  /// One sample per so many bytes that Python hands out; 0: nobody reads them.
  std::size_t sample_interval = 0;
  /// From the start, else from when a check is loaded whose configuration says `profiler: sampled`.
  bool sample_all = false;
  std::filesystem::path run_path;
  std::optional<MemoryProfile> memory_profile;
};

struct CheckSource {
  std::string name;
  std::string id;
  const config::Value& init_config;  // a map or null
  const config::Value& instance;     // a map
};

/// Bytes that CPython holds: its arenas and the blocks of its raw domain.
struct MemoryUse {
  std::uint64_t inuse_bytes = 0;
  std::uint64_t allocated_bytes = 0;  // since the start
};

/// Objects that nothing refers to but they themselves: only the collector frees them.
struct Garbage {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  std::chrono::steady_clock::time_point counted_at;
};

/// What the sampled profile is made of.
struct SampledMemory {
  std::uint64_t interval_bytes = 0;
  std::uint64_t samples = 0;
  std::uint64_t lost_samples = 0;
  std::map<std::string, std::uint64_t> inuse_bytes;  // by component: what the samples stand for
  std::optional<Garbage> garbage;                    // none: not counted yet
};

struct HostReport {
  std::string python_version;  // "3.11.2"
  MemoryUse memory;
  std::optional<SampledMemory> sampled;  // none: `profiler` is not sampled
  Told told;
};

/// The reports on the memory of one instance's runs; empty where there is none.
struct MemoryReports {
  std::string snapshot;  // of the last run, if it was successful
  std::string diff;      // to the one before
  std::string growth;    // over all runs: what is held, imported and allocated by our modules
  std::string profile;   // profile.proto of what is held
};

/// The live Python objects of a type.
struct ObjectCount {
  std::string type;
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

/// The interpreter of the process.
///
/// Threads: load() and the runs of checks may come from any thread; the GIL is taken per call.
/// report() takes no GIL. Ownership: lives as long as the process, which must not end while a check
/// is destroyed.
class Host {
 public:
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host() = default;

  /// Errors: not_found when there is no module of the name; invalid when it cannot be imported, has
  /// no check, or when a configuration is no map; refused when the check does not take its
  /// configuration.
  [[nodiscard]] virtual base::Result<LoadedCheck> load(const CheckSource& source) = 0;
  [[nodiscard]] virtual HostReport report() const = 0;
  /// With Services::memory_profile, once after the last run of an instance and before the first of
  /// another. Errors: invalid when the profile cannot be made.
  [[nodiscard]] virtual base::Result<MemoryReports> finish_memory_profile(
      const std::string& id) = 0;
  /// The books of the sampled profile, as a file to be closed. `collect`: garbage is collected
  /// first. Errors: not_found, when nothing is sampled; io, when the kernel gives no file.
  [[nodiscard]] virtual base::Result<int> heap_books(bool collect) = 0;
  /// Of all types, most bytes first; through Pympler where that is installed. `collect`: without
  /// garbage, which is collected. Errors: limit, when memory runs out.
  [[nodiscard]] virtual base::Result<std::vector<ObjectCount>> objects(bool collect) = 0;
  /// Nothing where a check has disabled the collector.
  virtual void collect_garbage() = 0;
  /// Before the process ends: removes what Python removes at its own end. Waits a moment for the
  /// GIL, and gives up when a check does not let go of it.
  virtual void remove_temporary_files() noexcept = 0;
};

/// Maps the module at `file` and starts the interpreter; to be called once per process. Errors: io
/// when it cannot be mapped, invalid when Python does not start.
[[nodiscard]] base::Result<Host*> load_host(const std::filesystem::path& file,
                                            const Services& services);

/// The one symbol of the module.
using StartHost = void (*)(const Services& services, base::Result<Host*>& started);
inline constexpr const char* start_host_symbol = "heapwatch_start_python";

}  // namespace heapwatch::check::python
