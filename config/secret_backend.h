// Runs the operator's program that knows the secrets. Private to this folder.
#pragma once

#include <string>

#include "base/error.h"
#include "config/agent_config.h"

namespace heapwatch::config {

/// What `config.command` writes to its standard output for `request` on its standard input. There
/// is no shell. The program runs in a process group of its own, which is killed when the time is
/// over or it writes too much.
///
/// Errors: invalid (the file is not the operator's alone, or no program), timeout, limit, refused
/// (a status other than 0), io. Messages hold nothing of the output.
[[nodiscard]] base::Result<std::string> run_secret_backend(const SecretsConfig& config,
                                                           const std::string& request);

}  // namespace heapwatch::config
