// A server whose pages are all for whoever started it: profiles, command lines, names of functions.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "net/http_server.h"

namespace heapwatch::agent::access {

struct PrivateServer {
  std::unique_ptr<net::HttpServer> server;
  bool speaks_tls = false;

  /// "https://localhost:6070", as people open it; empty on a unix socket.
  [[nodiscard]] std::string url(const std::string& listen) const;
};

/// Whether pages may be served there: on a loopback address, on a unix socket, and on another
/// address where `web_config`, a file as web.config_file names one, asks for TLS and a password or
/// a certificate. Empty: there is none. To be asked before something is begun whose pages these
/// are. Errors: invalid; those of load_access().
[[nodiscard]] base::Result<void> may_serve(const std::string& listen,
                                           const std::string& web_config);

/// Serves where may_serve() says so. On a loopback address a request that names another host is
/// refused, and every reply tells a browser to take nothing from elsewhere, unless the page says
/// what it takes. Errors: those of may_serve() and of HttpServer::start().
[[nodiscard]] base::Result<PrivateServer> start_private_server(const net::ServerOptions& options,
                                                               net::ServerHandler handler,
                                                               const std::string& web_config);

}  // namespace heapwatch::agent::access
