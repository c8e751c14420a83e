// One instance of go_expvar.d/*.yaml, as a valid value.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "check/go_expvar/page_collector.h"
#include "check/profile_pages.h"
#include "check/registry.h"
#include "config/value.h"
#include "net/http.h"

namespace heapwatch::check::go_expvar {

struct GoExpvarConfig {
  net::HttpRequestPtr request;
  std::string target;  // the address without credentials
  std::chrono::milliseconds interval{15'000};
  CollectorOptions collector;
  /// What is wrong with entries of `metrics`, which are left out: a warning of each run.
  std::vector<std::string> lost_entries;
  std::optional<ProfilePage> profile = std::nullopt;  // that is asked for
  /// Of the service check go_expvar.can_connect; absent when it is not wanted.
  std::optional<metrics::Tags> can_connect_tags;
};

/// Everything that is wrong goes to `diagnostics`, and the result is then empty, unless it is
/// entries of `metrics`: those are left out. Unknown keys are warnings.
[[nodiscard]] std::optional<GoExpvarConfig> read_config(const InstanceSource& source,
                                                        config::Diagnostics& diagnostics);

}  // namespace heapwatch::check::go_expvar
