// The reports of `heapwatch pprof` that are more than text: pictures, flame graphs, and what other
// programs show.
#pragma once

#include <iosfwd>
#include <string>

#include "base/error.h"
#include "pprof/driver/driver.h"

namespace heapwatch::agent {

/// The bytes of such a report, or none when a viewer shows it. `line.format` has to be set.
/// Errors: those of reports, not_found for what is not installed.
[[nodiscard]] base::Result<std::string> make_picture(const pprof::CommandLine& line,
                                                     pprof::Session session,
                                                     const pprof::Seams& seams, std::ostream& err);

/// What the library needs to read files and write reports on this system.
[[nodiscard]] pprof::Seams system_seams();

}  // namespace heapwatch::agent
