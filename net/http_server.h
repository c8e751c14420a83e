// A small HTTP server for pages about ourselves, over TCP or a unix socket.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.h"
#include "net/server_message.h"
#include "net/server_options.h"

namespace heapwatch::net {

class ServerAccess;

/// Who is asked who they are, and for what.
struct ServerGuard {
  std::shared_ptr<const ServerAccess> access{};  // TLS and passwords; null: neither
  /// Requests for what other machines must not see, unless they come over TLS and with a password
  /// or a certificate; empty: none. Must not throw.
  std::function<bool(const ServerRequest&)> tells_secrets{};
};

/// GET and HEAD, and POST where it is allowed (405 for the rest). Replies over 1 KiB are gzipped
/// when the client takes that. Connections of TCP are kept alive. A handler that throws gives a
/// 500. On a loopback address, a request whose Host is a name other than localhost gets a 421: it
/// comes from a browser that was tricked.
class HttpServer {
 public:
  /// Errors: those of ServerListener::open(), and io.
  [[nodiscard]] static base::Result<std::unique_ptr<HttpServer>> start(const ServerOptions& options,
                                                                       ServerHandler handler,
                                                                       ServerGuard guard = {});
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  /// Closes all connections, and waits for handlers that are running.
  ~HttpServer();

  /// The port in use, also when 0 was asked for; 0 on a unix socket.
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace heapwatch::net
