// The options every instance of every check takes, HTTP or not.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "check/loader.h"
#include "config/agent_config.h"
#include "config/section.h"
#include "metrics/context.h"

namespace re2 {
class RE2;
}

namespace heapwatch::check {

/// `metric_patterns`: which of the final metric names go out.
///
/// Threads: allows() may be called from any.
struct MetricPatterns {
  std::shared_ptr<const re2::RE2> include;  // none: everything
  std::shared_ptr<const re2::RE2> exclude;  // none: nothing; wins over `include`

  [[nodiscard]] bool allows(std::string_view name) const;
};

struct InstanceOptions {
  metrics::Tags tags;  // with `service:<v>`; generic ones renamed when that is asked for
  std::chrono::milliseconds interval{15'000};
  bool empty_default_hostname = false;
  bool disable_generic_tags = false;
  MetricPatterns metric_patterns;
  std::string name;
  std::string loader;  // empty: whichever has the check
};

/// What a check of ours reads an instance from.
///
/// Ownership: the source must outlive it.
class InstanceSections {
 public:
  explicit InstanceSections(const InstanceSource& source);
  InstanceSections(const InstanceSections&) = delete;
  InstanceSections& operator=(const InstanceSections&) = delete;
  ~InstanceSections() = default;

  /// Warns of keys that nobody asked for, and hands on what was found. Whether there was no error.
  [[nodiscard]] bool finish(config::Diagnostics& diagnostics);

 private:
  const std::string file_;
  const std::size_t index_;
  config::Diagnostics found_;

 public:
  config::Section init_config;
  config::Section instance;
};

/// Instance over init_config over agent. Absent when something is wrong, which the diagnostics of
/// the sections then hold.
[[nodiscard]] std::optional<InstanceOptions> read_instance_options(
    config::Section& init_config, config::Section& instance, std::string_view check_name,
    const config::AgentConfig& agent);

/// disable_generic_tags: `env:x` becomes `go_expvar_env:x`, and so do the other keys that mean
/// something to the whole platform; other tags stay.
[[nodiscard]] std::string without_generic_key(std::string_view tag, std::string_view check_name);

}  // namespace heapwatch::check
