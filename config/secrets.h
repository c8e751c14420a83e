// `ENC[handle]` values, resolved by the operator's own program.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config/agent_config.h"
#include "config/secret_answers.h"
#include "config/value.h"

namespace heapwatch::config {

/// Asks `secret_backend_command` once for all unknown handles of a file, and remembers the answers.
/// A program that does not answer in time is not asked again: each file would wait as long.
///
/// Threads: safe. Secrets never appear in diagnostics; handles do, and what the program writes to
/// its standard error, without what it answered.
class SecretResolver {
 public:
  explicit SecretResolver(SecretsConfig config);

  /// Replaces every whole-string `ENC[handle]` scalar below `value`. An unresolved handle is an
  /// error of the file, and null.
  void resolve(Value& value, std::string_view file, Diagnostics& diagnostics);

  /// secret_backend_skip_checks: the files of conf.d keep their ENC[] texts.
  [[nodiscard]] bool skips_checks() const { return config_.skip_checks; }

 private:
  /// `said`: the program's own words, fit to be shown; empty when it said nothing.
  [[nodiscard]] base::Result<SecretAnswers> ask(const std::set<std::string>& handles,
                                                std::string& said);

  SecretsConfig config_;
  std::mutex mutex_;
  std::optional<base::Error> gave_up_;  // why nothing more is asked
  std::map<std::string, std::string, std::less<>> known_;
};

/// Asked every few milliseconds while a program of secrets runs, from whatever thread that is; true
/// ends the program, and its handles have no secret. Nobody says so unless this is called.
void give_up_on_secrets_when(bool (*says_so)());

/// The handle of `ENC[handle]`, which spaces and tabs may surround; absent for other scalars.
[[nodiscard]] std::optional<std::string> secret_handle(const Value& value);

}  // namespace heapwatch::config
