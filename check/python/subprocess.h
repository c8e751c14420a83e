// Runs a program to its end and takes what it prints.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace heapwatch::check::python {

struct Command {
  std::vector<std::string> arguments;  // the program first, looked up on the PATH
  /// `NAME=value`; absent: the agent's own.
  std::optional<std::vector<std::string>> environment;
  pid_t group = 0;  // the process group to be in; 0: the agent's
};

struct CommandResult {
  std::string output;
  std::string errors;
  int status = 0;  // -1: ended by a signal
};

/// Of each stream.
inline constexpr std::size_t command_output_bytes_max = std::size_t{64} * 1024 * 1024;

/// A program that cannot be started gives an empty result. It has no standard input, none of the
/// agent's descriptors and no blocked signals. Threads: any; blocks. Errors: io, limit.
[[nodiscard]] base::Result<CommandResult> run_command(const Command& command);

}  // namespace heapwatch::check::python
