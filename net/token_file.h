// Tokens read from files, kept until a server refuses them.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.h"
#include "net/http.h"

namespace heapwatch::net {

/// Targets that name the same file and pattern share one reading of it.
///
/// Threads: one.
class TokenCache {
 public:
  /// Reads the file at the first use. Errors: invalid.
  [[nodiscard]] base::Result<std::string> current(const TokenFile& file);

  /// A token other than `refused`: the one read meanwhile, or the file's if that has changed;
  /// empty when there is none.
  [[nodiscard]] base::Result<std::string> after_refusal(const TokenFile& file,
                                                        std::string_view refused);

 private:
  std::unordered_map<std::string, std::string> tokens_;
};

/// Errors: invalid (no such file, no match, a pattern without exactly one group, control
/// characters); messages never hold the file's content.
[[nodiscard]] base::Result<std::string> read_token(const TokenFile& file);

}  // namespace heapwatch::net
