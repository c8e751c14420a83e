// Whether an instance runs in a process of its own.
#pragma once

#include <chrono>
#include <optional>

#include "check/loader.h"

namespace heapwatch::check::isolation {

/// `check_isolation` and `check_isolation_timeout` of the instance, over those of its init_config,
/// over what heapwatch.yaml says. Nothing when it runs in the agent, or when one of them is wrong,
/// which the diagnostics then hold.
struct Isolation {
  std::chrono::milliseconds run_timeout{};
};
[[nodiscard]] std::optional<Isolation> read_isolation(const InstanceSource& source,
                                                      config::Diagnostics& diagnostics);

}  // namespace heapwatch::check::isolation
