#include "net/http_server.h"

#include <utility>

#include "net/server_listener.h"
#include "net/server_threads.h"

namespace heapwatch::net {

using base::Result;

struct HttpServer::State {
  explicit State(std::unique_ptr<ServerLoop> loop) : threads(std::move(loop)) {}
  ServerThreads threads;
};

Result<std::unique_ptr<HttpServer>> HttpServer::start(const ServerOptions& options,
                                                      ServerHandler handler) {
  auto listener = ServerListener::open(options.listen);
  if (!listener) {
    return tl::unexpected(listener.error());
  }
  auto loop = ServerLoop::create(options, std::move(handler), *std::move(listener));
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
