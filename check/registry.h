// From a configured instance to the check that runs it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "check/check.h"
#include "check/loader.h"
#include "config/agent_config.h"
#include "config/check_config.h"
#include "metrics/snapshot.h"

namespace heapwatch::check {

/// A check instance ready to be scheduled.
struct ConfiguredCheck {
  metrics::InstancePtr instance;
  std::uint64_t fingerprint = 0;  // config::check_fingerprint()
  std::chrono::milliseconds interval{15'000};
  std::unique_ptr<Check> check;
};

/// Builds the check an instance asks for: the native one of its name, else that of the first of
/// `loaders` that has one; `loader: native` (or `core`) and `loader: <name of a loader>` leave no
/// choice. Errors, with their places, go to `diagnostics`, and the result is then empty.
[[nodiscard]] std::unique_ptr<ConfiguredCheck> make_check(const InstanceSource& source,
                                                          std::span<Loader* const> loaders,
                                                          config::Diagnostics& diagnostics);

/// For a command that runs checks a few times while a person waits: what they cost is not spread
/// over the time that follows.
void spread_no_cost();

/// The names of the native checks.
[[nodiscard]] std::vector<std::string_view> check_names();

}  // namespace heapwatch::check
