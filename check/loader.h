// The seam to checks that are not native: those of shared libraries, and of Python.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "check/check.h"
#include "config/agent_config.h"
#include "config/check_config.h"

namespace heapwatch::check {

/// Where one instance stands in its file, and what the whole agent contributes.
struct InstanceSource {
  const config::CheckConfig& file;
  const config::Value& instance;
  const config::AgentConfig& agent;
};

struct LoadedCheck {
  std::unique_ptr<Check> check;
  std::string version;  // of the check's code, as `status` shows it
};

/// A source of checks by name.
///
/// Threads: asked from one thread at a time.
class Loader {
 public:
  Loader() = default;
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  virtual ~Loader() = default;

  /// As `loader:` of an instance or an init_config spells it.
  [[nodiscard]] virtual std::string_view name() const = 0;

  /// `id` is the instance's. Errors: not_found when there is no check of that name here; any other
  /// kind when there is one that cannot run with this configuration.
  [[nodiscard]] virtual base::Result<LoadedCheck> load(const InstanceSource& source,
                                                       const std::string& id) = 0;
};

}  // namespace heapwatch::check
