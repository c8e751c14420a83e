// The Python space as the rest of the program sees it: no Python type, and no Python in memory
// until load_host().
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "check/check.h"
#include "config/value.h"

namespace heapwatch::check::python {

/// What the module needs of the program that loads it. It is a shared object with copies of its own
/// of our libraries, so whatever has one state per process is handed in.
struct Services {
  /// Every tag array and tag string that crosses into the program is made and released by these.
  void* (*allocate)(std::size_t) noexcept = nullptr;
  void (*release)(void*) noexcept = nullptr;
  void (*log)(base::LogLevel level, std::string_view message) = nullptr;
  /// Appended to sys.path, in this order.
  std::vector<std::filesystem::path> search_paths;
  /// Holds our `datadog_checks`; used when none is installed.
  std::filesystem::path base_package;
};

struct CheckSource {
  std::string name;
  std::string id;
  const config::Value& init_config;  // a map or null
  const config::Value& instance;     // a map
};

struct LoadedCheck {
  std::string version;  // of the module, or "unversioned"
  std::unique_ptr<Check> check;
};

/// The interpreter of the process.
///
/// Threads: load() and the runs of checks may come from any thread; the GIL is taken per call.
/// Ownership: lives as long as the process, which must not end while a check is destroyed.
class Host {
 public:
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host() = default;

  /// Errors: not_found when no module of the name can be imported or none has a check, refused when
  /// the check does not take its configuration, invalid when that is no map.
  [[nodiscard]] virtual base::Result<LoadedCheck> load(const CheckSource& source) = 0;
};

/// Maps the module at `file` and starts the interpreter; to be called once per process. Errors: io
/// when it cannot be mapped, invalid when Python does not start.
[[nodiscard]] base::Result<Host*> load_host(const std::filesystem::path& file,
                                            const Services& services);

/// The one symbol of the module.
using StartHost = base::Result<Host*> (*)(const Services& services);
inline constexpr const char* start_host_symbol = "heapwatch_start_python";

}  // namespace heapwatch::check::python
