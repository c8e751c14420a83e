// Runs the operator's program that knows the secrets. Private to this folder.
#pragma once

#include <string>

#include "base/error.h"
#include "config/agent_config.h"

namespace heapwatch::config {

/// How many bytes of what the program says of itself are kept; the rest is read and dropped.
inline constexpr std::size_t secret_complaint_bytes_max = 1024;

struct SecretBackendAnswer {
  /// What it wrote to its standard output. Errors: invalid (the file is not the operator's alone,
  /// or no program), timeout, limit, refused (a status other than 0, or heapwatch is to stop), io.
  /// Messages hold nothing of the output.
  base::Result<std::string> output;
  std::string written;     // the same, also of a run that failed: what must not be shown
  std::string complaints;  // the beginning of its standard error, which may hold what is secret
};

/// Hands `request` to `config.command` on its standard input. There is no shell. The program runs
/// in a process group of its own, which is killed when the time is over, when it writes too much
/// and when `told_to_stop` (none: nobody says so) turns true. It dies with the calling thread.
[[nodiscard]] SecretBackendAnswer run_secret_backend(const SecretsConfig& config,
                                                     const std::string& request,
                                                     bool (*told_to_stop)());

}  // namespace heapwatch::config
