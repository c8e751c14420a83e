// Starts the programs with which people look at reports.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace heapwatch::agent {

/// Opens a file or a URL in the user's browser: $BROWSER, or the first that is installed.
/// Errors: not_found, with what to do instead.
[[nodiscard]] base::Result<void> open_in_browser(const std::string& target);

/// Starts a program on a file and does not wait for it. Errors: not_found.
[[nodiscard]] base::Result<void> start_viewer(const std::string& program, const std::string& file);

/// Writes a new file in the folder for temporary files and returns its path.
[[nodiscard]] base::Result<std::string> write_temporary(std::string_view bytes,
                                                        const std::string& extension);

}  // namespace heapwatch::agent
