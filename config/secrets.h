// `ENC[handle]` values, resolved by the operator's own program.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
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
  /// error of the file, and null.
  void resolve(Value& value, std::string_view file, Diagnostics& diagnostics);

  /// secret_backend_skip_checks: the files of conf.d keep their ENC[] texts.
  [[nodiscard]] bool skips_checks() const { return config_.skip_checks; }

 private:
  struct Answer {
    std::string value;
    std::string failure;  // why there is no value; empty: there is one
  };
  using Answers = std::map<std::string, Answer, std::less<>>;

  [[nodiscard]] base::Result<Answers> ask(const std::set<std::string>& handles);

  SecretsConfig config_;
  std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> known_;
};

/// The handle of `ENC[handle]`, which spaces and tabs may surround; absent for other scalars.
[[nodiscard]] std::optional<std::string> secret_handle(const Value& value);

}  // namespace heapwatch::config
