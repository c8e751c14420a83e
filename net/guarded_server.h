// A server of pages that asks its clients who they are: TLS, passwords and certificates.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.h"
#include "net/server_access.h"
#include "net/server_message.h"
#include "net/server_options.h"

namespace heapwatch::net {

/// What a GuardedServer asks for.
struct ServerGuard {
  std::shared_ptr<const ServerAccess> access{};  // TLS and passwords; null: neither
  /// Requests for what other machines must not see, unless they come over TLS and with a password
  /// or a certificate; empty: none. Must not throw.
  std::function<bool(const ServerRequest&)> tells_secrets{};
};

/// An HttpServer with a guard before its handler.
class GuardedServer {
 public:
  /// Errors: those of HttpServer::start().
  [[nodiscard]] static base::Result<std::unique_ptr<GuardedServer>> start(
      const ServerOptions& options, ServerHandler handler, ServerGuard guard);
  GuardedServer(const GuardedServer&) = delete;
  GuardedServer& operator=(const GuardedServer&) = delete;
  /// Closes all connections, and waits for handlers that are running.
  ~GuardedServer();

  /// The port in use, also when 0 was asked for; 0 on a unix socket.
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct State;
  explicit GuardedServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace heapwatch::net
