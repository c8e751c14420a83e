// The seam between where targets are known and what is done with them.
//
// A source is a file here with a class and a function that reads it from the configuration, and a
// row in the table of sources.cpp. It knows nothing of checks, schedules and files of its own: it
// says what targets there are when it is asked, on a thread where it may take its time. Who asks it
// (Watch) keeps what it said last, over restarts too, counts its failures, and asks again.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/agent_config.h"
#include "config/section.h"
#include "discovery/allowed.h"
#include "discovery/targets.h"

namespace heapwatch::discovery {

/// What every source has.
struct SourceOptions {
  std::string name;  // for messages and metrics, without secrets: "http_sd http://sd:8080/targets"
  std::uint64_t identity = 0;  // of what it is configured with; the same after a restart
  std::chrono::milliseconds refresh_interval{0};
  Limits limits;
  /// Absent: every target it names may be asked.
  std::optional<AllowedTargets> allowed;
  /// What it says comes from elsewhere: its targets are not followed to where they redirect.
  bool is_remote = false;
  /// Its targets are processes of this machine, for the check `memory`.
  bool are_processes = false;
};

/// What there is.
struct Answer {
  Groups groups;
  /// What broke while the rest is good, a sentence each: `groups` has for it what was known before.
  std::vector<std::string> troubles;
};

/// Threads: one at a time, except interrupt(). Errors: what ask() returns is a sentence that names
/// the place; the targets known before then stay.
class Source {
 public:
  explicit Source(SourceOptions options) : options_(std::move(options)) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  [[nodiscard]] const SourceOptions& options() const { return options_; }

  /// All targets that there are now. May block as long as its own timeouts say. `known`: what it
  /// said before, or before a restart.
  [[nodiscard]] virtual base::Result<Answer> ask(const Groups& known) = 0;

  /// Whether what it said last may not be so any more. Cheap: asked every second.
  [[nodiscard]] virtual bool has_changed() { return false; }

  /// An ask() that is going on, and each to come, ends soon. From any thread.
  virtual void interrupt() noexcept {}

 private:
  SourceOptions options_;
};

/// How a source is found in `discover:` of an instance: a list of maps, each a source.
struct SourceKind {
  std::string_view key;  // "file_sd_configs"
  /// What is wrong goes to the section's diagnostics, and the result is then null.
  std::unique_ptr<Source> (*read)(config::Section& section, const config::AgentConfig& agent);
};
[[nodiscard]] std::span<const SourceKind> source_kinds();

// --- for the files of sources

/// Reads `refresh_interval`, `max_targets` and `allowed_targets`, and finishes the section.
struct CommonDefaults {
  std::chrono::milliseconds refresh_interval{0};
  bool must_be_allowed = false;  // `allowed_targets` has to be there
  bool has_hosts = true;         // false: there is no `allowed_targets`
};
[[nodiscard]] SourceOptions read_common(config::Section& section, const CommonDefaults& defaults);

[[nodiscard]] std::unique_ptr<Source> read_file_source(config::Section& section,
                                                       const config::AgentConfig& agent);
[[nodiscard]] std::unique_ptr<Source> read_http_source(config::Section& section,
                                                       const config::AgentConfig& agent);
[[nodiscard]] std::unique_ptr<Source> read_dns_source(config::Section& section,
                                                      const config::AgentConfig& agent);
[[nodiscard]] std::unique_ptr<Source> read_docker_source(config::Section& section,
                                                         const config::AgentConfig& agent);
[[nodiscard]] std::unique_ptr<Source> read_process_source(config::Section& section,
                                                          const config::AgentConfig& agent);
[[nodiscard]] std::unique_ptr<Source> read_kubernetes_source(config::Section& section,
                                                             const config::AgentConfig& agent);

}  // namespace heapwatch::discovery
