// What a Go program tells of itself over HTTP, for `heapwatch leak`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "leak/looks.h"
#include "net/http.h"

namespace heapwatch::agent::commands {

/// The memory statistics of its /debug/vars; where there are none, those at the end of its heap
/// profile as text. `collect`: it collects its garbage first. `vars`: the request for /debug/vars.
/// Errors: those of the exchange; invalid for a page without them.
[[nodiscard]] base::Result<leak::GoState> go_state(const net::HttpRequest& vars, bool collect);

/// How many goroutines there are, by its profile of them.
[[nodiscard]] std::optional<double> goroutine_count(const net::HttpRequest& vars);

/// Profiles as they came, at one time.
struct GoProfiles {
  double at = 0;            // seconds since the first look
  double collections = -1;  // how many had ended; -1: not known
  std::string heap;         // empty: not to be had
  std::string goroutine;
};
[[nodiscard]] GoProfiles fetch_go_profiles(const net::HttpRequest& vars, bool collect,
                                           const leak::GoState& state);

/// The stacks that grew from one time to another, the largest first. A heap profile is as of the
/// collection before the last, so one that was made before the next collection is left out.
[[nodiscard]] std::vector<leak::SiteGrowth> sites_that_grew(const GoProfiles& before,
                                                            const GoProfiles& after);

}  // namespace heapwatch::agent::commands
