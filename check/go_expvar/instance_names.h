// How an instance names its metrics, for those who must know without running it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "check/go_expvar/metric_entry.h"
#include "check/target_url.h"
#include "config/agent_config.h"
#include "config/section.h"

namespace heapwatch::check::go_expvar {

struct InstanceNames {
  std::optional<std::string> prefix = "go_expvar";  // the namespace; none: names stand alone
  Naming naming = Naming::guide;
  bool memstats = true;  // it has Go's memory statistics
  config::MemstatsNames memstats_names = config::MemstatsNames::datadog;
};

/// What is wrong is said in the diagnostics of the sections, and is as if it were not there.
[[nodiscard]] InstanceNames read_names(config::Section& init_config, config::Section& instance,
                                       const config::AgentConfig& agent);
/// The same, saying nothing.
[[nodiscard]] InstanceNames names_of(const config::Value& init_config,
                                     const config::Value& instance,
                                     const config::AgentConfig& agent);

/// The namespace as it is written, if one is.
[[nodiscard]] std::optional<std::string> written_namespace(const config::Value& instance);
/// The address it watches; nothing when it is wrong or missing.
[[nodiscard]] std::optional<TargetUrl> target_of(const config::Value& instance);
/// Whether it lists variables of rtloader.
[[nodiscard]] bool lists_rtloader(const config::Value& instance);

/// What stands before the names of metrics: "datadog.agent.".
[[nodiscard]] std::string name_prefix(const std::optional<std::string>& prefix);

}  // namespace heapwatch::check::go_expvar
