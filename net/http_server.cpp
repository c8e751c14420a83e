#include "net/http_server.h"

#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "net/server_listener.h"
#include "net/server_loop.h"

namespace heapwatch::net {

using base::ErrorKind;
using base::fail;
using base::Result;

struct HttpServer::State {
  explicit State(std::unique_ptr<ServerLoop> made) : loop(std::move(made)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    loop->stop();
    for (std::thread& thread : threads) {
      thread.join();
    }
  }

  std::unique_ptr<ServerLoop> loop;
  std::vector<std::thread> threads;
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
  try {
    for (unsigned i = 0; i < state->loop->thread_count(); ++i) {
      state->threads.emplace_back([raw = state->loop.get()]() noexcept { raw->run(); });
    }
  } catch (const std::system_error& error) {
    return fail(ErrorKind::io, options.listen + ": cannot start a thread: " + error.what());
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const {
  return state_->loop->port();
}

}  // namespace heapwatch::net
