#include "net/token_file.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"

namespace heapwatch::net {

namespace {

using base::ErrorKind;
using base::fail;

constexpr std::size_t token_file_bytes_max = std::size_t{64} * 1024;

std::string cache_key(const TokenFile& file) {
  return file.path + '\0' + file.pattern;
}

}  // namespace

base::Result<std::string> read_token(const TokenFile& file) {
  const auto bytes = base::read_file(file.path, token_file_bytes_max);
  if (!bytes) {
    return fail(ErrorKind::invalid, "auth_token: " + bytes.error().message);
  }
  const std::string place = "auth_token: " + file.path + ": ";
  std::string token;
  if (file.pattern.empty()) {
    token = base::trimmed(*bytes);
  } else {
    const RE2 pattern(file.pattern, RE2::Quiet);
    if (!pattern.ok() || pattern.NumberOfCapturingGroups() != 1) {
      return fail(ErrorKind::invalid,
                  place + "the pattern \"" + file.pattern + "\" " +
                      (pattern.ok() ? "needs exactly one group" : "is wrong: " + pattern.error()));
    }
    if (!RE2::PartialMatch(*bytes, pattern, &token)) {
      return fail(ErrorKind::invalid,
                  place + "nothing matches the pattern \"" + file.pattern + "\"");
    }
  }
  if (token.empty()) {
    return fail(ErrorKind::invalid, place + "the token is empty");
  }
  if (std::any_of(token.begin(), token.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return fail(ErrorKind::invalid,
                place + "the token holds control characters, such as a line break");
  }
  return token;
}

base::Result<std::string> TokenCache::current(const TokenFile& file) {
  const std::string key = cache_key(file);
  if (const auto found = tokens_.find(key); found != tokens_.end()) {
    return found->second;
  }
  auto token = read_token(file);
  if (token) {
    tokens_.emplace(key, *token);
  }
  return token;
}

base::Result<std::string> TokenCache::after_refusal(const TokenFile& file,
                                                    std::string_view refused) {
  const std::string key = cache_key(file);
  if (const auto found = tokens_.find(key); found != tokens_.end() && found->second != refused) {
    return found->second;
  }
  auto token = read_token(file);
  if (token) {
    tokens_.insert_or_assign(key, *token);
    if (*token == refused) {
      token->clear();
    }
  }
  return token;
}

}  // namespace heapwatch::net
