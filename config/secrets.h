// `ENC[handle]` values, resolved by the operator's own program.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "config/agent_config.h"
#include "config/value.h"

namespace heapwatch::config {

/// Asks `secret_backend_command` once for all unknown handles of a file, and remembers the answers.
///
/// Threads: safe. Secrets never appear in diagnostics; handles do.
class SecretResolver {
 public:
  explicit SecretResolver(SecretsConfig config);

  /// Replaces every whole-string `ENC[handle]` scalar below `value`. An unresolved handle is an
  /// error of the file.
  void resolve(Value& value, std::string_view file, Diagnostics& diagnostics);

 private:
  SecretsConfig config_;
  std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> known_;
};

}  // namespace heapwatch::config
