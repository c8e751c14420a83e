#include "net/guarded_server.h"

#include <string>
#include <utility>

#include "net/server_listener.h"
#include "net/server_threads.h"

namespace heapwatch::net {

struct GuardedServer::State {
  explicit State(std::unique_ptr<ServerLoop> loop) : threads(std::move(loop)) {}
  ServerThreads threads;
};

base::Result<std::unique_ptr<GuardedServer>> GuardedServer::start(const ServerOptions& options,
                                                                  ServerHandler handler,
                                                                  ServerGuard guard) {
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
  auto loop = ServerLoop::create(
      adapted, guarded(std::move(handler), guard.access, std::move(guard.tells_secrets), is_local),
      *std::move(listener), guard.access);
  if (!loop) {
    return tl::unexpected(loop.error());
  }
  auto state = std::make_unique<State>(*std::move(loop));
  if (auto started = state->threads.start(options.listen); !started) {
    return tl::unexpected(started.error());
  }
  return std::unique_ptr<GuardedServer>(new GuardedServer(std::move(state)));
}

GuardedServer::GuardedServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
GuardedServer::~GuardedServer() = default;

std::uint16_t GuardedServer::port() const {
  return state_->threads.port();
}

}  // namespace heapwatch::net
