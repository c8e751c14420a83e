#include <algorithm>
#include <array>
#include <cctype>

#include "config/value.h"

namespace heapwatch::config {

namespace {

constexpr std::string_view stars = "********";

/// A key with one of these words in its name holds a secret, and so does everything below it.
constexpr std::array<std::string_view, 9> secret_words{"password", "passwd",        "secret",
                                                       "token",    "authorization", "credential",
                                                       "api_key",  "apikey",        "cookie"};

bool names_a_secret(std::string_view key) {
  std::string lower(key);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return c == '-' ? '_' : static_cast<char>(std::tolower(c));
  });
  return std::any_of(secret_words.begin(), secret_words.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

/// `http://user:password@host` as `http://user:********@host`.
void mask_userinfo(std::string& text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos) {
    return;
  }
  const std::size_t begin = scheme + 3;
  const std::size_t end = text.find_first_of("/?#", begin);
  const std::size_t at = text.rfind('@', end == std::string::npos ? text.size() : end);
  const std::size_t colon = text.find(':', begin);
  if (at != std::string::npos && at > begin && colon < at) {
    text.replace(colon + 1, at - colon - 1, stars);
  }
}

/// `http://host/page?token=abc` as `http://host/page?token=********`.
void mask_query(std::string& text) {
  if (text.find("://") == std::string::npos) {
    return;
  }
  for (std::size_t at = text.find('?'); at < text.size(); at = text.find('&', at)) {
    const std::size_t name = ++at;
    const std::size_t end = std::min(text.find_first_of("&#", name), text.size());
    const std::size_t equals = text.find('=', name);
    if (equals < end && names_a_secret(std::string_view{text}.substr(name, equals - name))) {
      text.replace(equals + 1, end - equals - 1, stars);
    }
  }
}

void scrub(Value& value, bool secret) {
  if (value.kind == Value::Kind::scalar && value.secret_handle.empty()) {
    if (secret) {
      value.text = stars;
      value.quoted = true;
    } else {
      mask_userinfo(value.text);
      mask_query(value.text);
    }
  }
  for (Value& item : value.items) {
    scrub(item, secret);
  }
  for (Value::Member& member : value.members) {
    scrub(member.value, secret || names_a_secret(member.key));
  }
}

}  // namespace

Value scrubbed(const Value& value) {
  Value copy = value;
  scrub(copy, false);
  return copy;
}

}  // namespace heapwatch::config
