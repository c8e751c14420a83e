// Who may ask a server: over TLS or not, with a password or a certificate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "net/server_message.h"
#include "net/tls.h"

namespace heapwatch::net {

/// People and the hashes of their passwords, as crypt(3) makes and checks them: bcrypt ("$2y$",
/// "$2b$", "$2a$").
///
/// A hash is made to take long, so the answers that were right are remembered, by a hash of another
/// kind, and at most two passwords are looked at at once: guessing costs one of the server's
/// threads, not all.
///
/// Threads: any.
class ServerUsers {
 public:
  enum class Answer : std::uint8_t { yes, no, busy };

  explicit ServerUsers(std::map<std::string, std::string> hashes);

  /// Of the value of a header Authorization.
  [[nodiscard]] Answer may(std::string_view authorization) const;

 private:
  [[nodiscard]] bool is_right(const std::string& user, const std::string& password) const;

  std::map<std::string, std::string> hashes_;
  std::string salt_;  // of what is remembered
  std::string hash_of_nobody_;
  mutable std::mutex mutex_;  // what follows
  mutable std::set<std::string> known_;
  mutable std::size_t looking_ = 0;
  mutable std::mutex one_hash_;
};

/// What is asked of all clients of a server, and may be changed while it runs.
///
/// Threads: any.
class ServerAccess {
 public:
  struct Rules {
    std::shared_ptr<const TlsContext> tls{};     // null: plain
    std::shared_ptr<const ServerUsers> users{};  // null: no password is asked for
    Headers headers{};                           // of every reply
  };

  explicit ServerAccess(Rules rules) : rules_(std::move(rules)) {}
  void replace(Rules rules);
  [[nodiscard]] Rules rules() const;
  /// Whether strangers stay outside, and what others read is hidden on its way.
  [[nodiscard]] bool is_guarded() const;

  /// The refusal of a request, if it is one.
  [[nodiscard]] std::optional<ServerReply> refuse(const ServerRequest& request) const;

 private:
  mutable std::mutex mutex_;
  Rules rules_;
};

/// The handler, which is asked when the request may ask. `tells_secrets` are those that are only
/// answered to who comes from this machine, or past a guard; null: none.
[[nodiscard]] ServerHandler guarded(ServerHandler handler,
                                    std::shared_ptr<const ServerAccess> access,
                                    std::function<bool(const ServerRequest&)> tells_secrets,
                                    bool is_local);

}  // namespace heapwatch::net
