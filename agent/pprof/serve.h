// `heapwatch pprof -http`: the pages of one profile, until the user has seen enough.
#pragma once

#include <iosfwd>

#include "base/error.h"
#include "pprof/driver/driver.h"

namespace heapwatch::agent {

/// Serves until SIGINT or SIGTERM. Errors: those of listening.
[[nodiscard]] base::Result<void> serve_profile(const pprof::CommandLine& line,
                                               const pprof::Session& session,
                                               const pprof::Seams& seams, std::ostream& err);

}  // namespace heapwatch::agent
