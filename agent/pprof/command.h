// `heapwatch pprof`: profiles from files and running programs, on the command line, in a shell and
// in a browser.
#pragma once

#include <span>
#include <string>

namespace heapwatch::agent {

/// Runs `heapwatch pprof args...` and returns the exit code: 0, or 2 with the error on the standard
/// error output.
[[nodiscard]] int run_pprof_command(std::span<const std::string> args);

/// What `heapwatch pprof -help` says.
[[nodiscard]] std::string pprof_help();

}  // namespace heapwatch::agent
