#include "net/server_access.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

namespace heapwatch::net {

namespace {

constexpr std::size_t authorization_bytes_max = 1024;
constexpr std::size_t known_max = 1000;
constexpr std::size_t looking_max = 2;

/// Of nobody's password: an unknown name takes as long as a wrong password.
constexpr const char* hash_of_nobody =
    "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > authorization_bytes_max) {
    return std::nullopt;
  }
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) {
    return std::nullopt;
  }
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

/// "Basic dXNlcjpwYXNz" as a name and a password.
std::optional<std::pair<std::string, std::string>> credentials_of(std::string_view authorization) {
  constexpr std::string_view scheme = "basic ";
  const auto is_same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == b;
  };
  if (authorization.size() <= scheme.size() ||
      !std::equal(scheme.begin(), scheme.end(), authorization.begin(),
                  [&](char expected, char seen) { return is_same(seen, expected); })) {
    return std::nullopt;
  }
  authorization.remove_prefix(scheme.size());
  while (authorization.starts_with(' ')) {
    authorization.remove_prefix(1);
  }
  const std::optional<std::string> plain = from_base64(authorization);
  const std::size_t colon = plain ? plain->find(':') : std::string::npos;
  if (colon == std::string::npos || plain->find('\0') != std::string::npos) {
    return std::nullopt;
  }
  return std::pair(plain->substr(0, colon), plain->substr(colon + 1));
}

std::string digest_of(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    return {};
  }
  return {reinterpret_cast<const char*>(digest.data()), size};
}

bool is_hash_of(const std::string& hash, const std::string& password) {
  const auto data = std::make_unique<crypt_data>();
  const char* const made = crypt_r(password.c_str(), hash.c_str(), data.get());
  return made != nullptr && made[0] != '*' && hash.size() == std::string_view(made).size() &&
         CRYPTO_memcmp(made, hash.data(), hash.size()) == 0;
}

}  // namespace

ServerUsers::ServerUsers(std::map<std::string, std::string> hashes)
    : hashes_(std::move(hashes)),
      salt_(32, '\0'),
      hash_of_nobody_(hashes_.empty() ? hash_of_nobody : hashes_.begin()->second) {
  (void)RAND_bytes(reinterpret_cast<unsigned char*>(salt_.data()), static_cast<int>(salt_.size()));
}

bool ServerUsers::is_right(const std::string& user, const std::string& password) const {
  const auto found = hashes_.find(user);
  const bool is_same =
      is_hash_of(found == hashes_.end() ? hash_of_nobody_ : found->second, password);
  return found != hashes_.end() && is_same;
}

ServerUsers::Answer ServerUsers::may(std::string_view authorization) const {
  const auto credentials = credentials_of(authorization);
  if (!credentials) {
    return Answer::no;
  }
  const auto& [user, password] = *credentials;
  std::string digest = digest_of(salt_ + std::to_string(user.size()) + ":" + user + password);
  {
    const std::lock_guard lock(mutex_);
    if (!digest.empty() && known_.contains(digest)) {
      return Answer::yes;
    }
    if (looking_ == looking_max) {
      return Answer::busy;
    }
    ++looking_;
  }
  bool is_good = false;
  {
    const std::lock_guard one(one_hash_);
    is_good = is_right(user, password);
  }
  const std::lock_guard lock(mutex_);
  --looking_;
  if (is_good) {
    if (known_.size() >= known_max) {
      known_.clear();
    }
    known_.insert(std::move(digest));
  }
  return is_good ? Answer::yes : Answer::no;
}

void ServerAccess::replace(Rules rules) {
  const std::lock_guard lock(mutex_);
  rules_ = std::move(rules);
}

ServerAccess::Rules ServerAccess::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

bool ServerAccess::is_guarded() const {
  const Rules now = rules();
  return now.tls && (now.users || now.tls->verifies_clients());
}

std::optional<ServerReply> ServerAccess::refuse(const ServerRequest& request) const {
  const Rules now = rules();
  if (!now.users) {
    return std::nullopt;
  }
  switch (now.users->may(request.header("authorization"))) {
    case ServerUsers::Answer::yes:
      return std::nullopt;
    case ServerUsers::Answer::busy: {
      ServerReply reply = text_reply(503, "other passwords are being looked at; try again");
      reply.headers.emplace_back("Retry-After", "1");
      return reply;
    }
    default: {
      ServerReply reply = text_reply(401, "a name and a password are wanted here");
      reply.headers.emplace_back("WWW-Authenticate",
                                 "Basic realm=\"heapwatch\", charset=\"UTF-8\"");
      return reply;
    }
  }
}

ServerHandler guarded(ServerHandler handler, std::shared_ptr<const ServerAccess> access,
                      std::function<bool(const ServerRequest&)> tells_secrets, bool is_local) {
  return [handler = std::move(handler), access = std::move(access),
          tells_secrets = std::move(tells_secrets), is_local](const ServerRequest& request) {
    if (access) {
      if (auto refusal = access->refuse(request)) {
        return *std::move(refusal);
      }
    }
    if (!is_local && tells_secrets && tells_secrets(request) && !(access && access->is_guarded())) {
      return text_reply(403,
                        "this page shows profiles or command lines, and is open to other machines "
                        "only over TLS and with a password or a certificate (web.config_file)");
    }
    ServerReply reply = handler(request);
    if (access) {
      const ServerAccess::Rules rules = access->rules();
      reply.headers.insert(reply.headers.end(), rules.headers.begin(), rules.headers.end());
    }
    return reply;
  };
}

}  // namespace heapwatch::net
