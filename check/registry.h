// From a configured instance to the check that runs it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "check/check.h"
#include "config/agent_config.h"
#include "config/check_config.h"
#include "metrics/snapshot.h"

namespace heapwatch::check {

/// A check instance ready to be scheduled.
struct ConfiguredCheck {
  metrics::InstancePtr instance;
  std::chrono::milliseconds interval{15'000};
  std::unique_ptr<Check> check;
};

/// Where one instance stands in its file, and what the whole agent contributes.
struct InstanceSource {
  const config::CheckConfig& file;
  const config::Value& instance;
  const config::AgentConfig& agent;
};

/// Builds the check an instance asks for. Errors, with their places, go to `diagnostics`, and the
/// result is then empty.
[[nodiscard]] std::unique_ptr<ConfiguredCheck> make_check(const InstanceSource& source,
                                                          config::Diagnostics& diagnostics);

/// The names of the native checks.
[[nodiscard]] std::vector<std::string_view> check_names();

}  // namespace heapwatch::check
