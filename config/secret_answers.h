// What is written to a program of secrets, and what it writes. Private to this folder.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/agent_config.h"
#include "config/value.h"

namespace heapwatch::config {

struct SecretAnswer {
  std::string value;
  std::string failure;  // why there is no value; empty: there is one
};
using SecretAnswers = std::map<std::string, SecretAnswer, std::less<>>;

/// What the program reads.
[[nodiscard]] std::string secret_request(const std::set<std::string>& handles);

/// What the program wrote, be it what it should be or not.
class SecretOutput {
 public:
  explicit SecretOutput(std::string_view written);

  /// An answer for each handle. Errors: invalid, when it is not what it should be; neither that nor
  /// a failure holds a value.
  [[nodiscard]] base::Result<SecretAnswers> answers(const std::set<std::string>& handles,
                                                    const SecretsConfig& config) const;

  /// What the program said besides, cut at `bytes_max`, in quotes, escaped and without anything
  /// that could be a secret of this output. Empty when it said nothing.
  [[nodiscard]] std::string without_answers(std::string said, std::size_t bytes_max) const;

 private:
  Value answer_;
  bool is_right_ = false;
  std::vector<std::string> texts_;  // that must not be shown, the longest first, since one may hold
                                    // another; handles are none
};

}  // namespace heapwatch::config
