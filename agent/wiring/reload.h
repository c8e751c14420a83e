// What a new reading of the configuration means for what runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/wiring/configured.h"
#include "config/packed.h"

namespace heapwatch::agent::wiring {

/// An instance that runs.
struct RunningInstance {
  metrics::InstancePtr instance;
  std::uint64_t fingerprint = 0;
};
using RunningInstances = std::map<std::string_view, RunningInstance>;  // by the instance's id

/// The configuration that is in force.
struct InForce {
  config::AgentConfig agent;
  std::shared_ptr<const config::Value> started;   // the settings that the agent began with
  std::vector<config::PackedCheckConfig> checks;  // in the order of names
};

/// What is to be done, and what to say of it.
struct Reload {
  InForce in_force;
  config::Diagnostics diagnostics;
  std::vector<std::string> stop;  // ids
  std::vector<std::unique_ptr<check::ConfiguredCheck>> start;
  std::vector<discovery::Template> templates;  // all, those that go on as they were too
  bool all_anew = false;                       // what instances share has changed
  bool templates_changed = false;
  std::size_t unchanged = 0;
  /// Sentences: what was added, changed and removed, which files keep their old configuration,
  /// what takes a restart.
  std::vector<std::string> told;

  [[nodiscard]] bool changes_nothing() const {
    return stop.empty() && start.empty() && !templates_changed;
  }
};

/// Reads everything again and holds it against what runs. A file of conf.d with an error keeps all
/// of its old configuration, and so does heapwatch.yaml; the rest takes effect.
///
/// Threads: none of what runs is touched; may be called on any thread.
[[nodiscard]] Reload plan_reload(const GlobalOptions& options, const InForce& old,
                                 const RunningInstances& running);

/// What the pages show of the readings so far.
struct ReloadState {
  std::uint64_t applied = 0;    // changed something, without an error
  std::uint64_t unchanged = 0;  // found nothing to change, and no error
  std::uint64_t with_errors = 0;
  std::optional<std::chrono::system_clock::time_point> last;
  std::vector<config::Diagnostic> diagnostics;  // of the last reading
  std::size_t errors = 0;                       // among them
};

}  // namespace heapwatch::agent::wiring
