#include "net/http_server.h"

#include <utility>

#include "net/server_access.h"
#include "net/server_listener.h"
#include "net/server_threads.h"

namespace heapwatch::net {

using base::Result;

struct HttpServer::State {
  explicit State(std::unique_ptr<ServerLoop> loop) : threads(std::move(loop)) {}
  ServerThreads threads;
};

Result<std::unique_ptr<HttpServer>> HttpServer::start(const ServerOptions& options,
                                                      ServerHandler handler, ServerGuard guard) {
  auto listener = ServerListener::open(options.listen);
  if (!listener) {
    return tl::unexpected(listener.error());
  }
  const bool is_local = listener->is_loopback() || listener->is_unix();
  ServerOptions adapted = options;
  if (guard.access && options.shared_as) {
    // Who may not see a page must not get that of somebody who may.
    adapted.shared_as = [shared_as = options.shared_as](const ServerRequest& request) {
      const std::string key = shared_as(request);
      return key.empty() ? key : key + '\n' + std::string(request.header("authorization"));
    };
  }
  if (guard.access || guard.tells_secrets) {
    handler = guarded(std::move(handler), guard.access, std::move(guard.tells_secrets), is_local);
  }
  auto loop = ServerLoop::create(adapted, std::move(handler), *std::move(listener), guard.access);
  if (!loop) {
    return tl::unexpected(loop.error());
  }
  auto state = std::make_unique<State>(*std::move(loop));
  if (auto started = state->threads.start(options.listen); !started) {
    return tl::unexpected(started.error());
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const {
  return state_->threads.port();
}

}  // namespace heapwatch::net
