// How a server's loop takes in its clients.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/memory_reserve.h"
#include "net/server_loop.h"

namespace heapwatch::net {

namespace {

constexpr int accepted_in_a_turn = 64;
/// While there is no descriptor.
constexpr std::chrono::milliseconds rest{100};
/// What the system takes of a reply beyond what is on its way, so that a client that does not read
/// does not fill its memory either.
constexpr int unsent_bytes_max = 256 * 1024;

bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

}  // namespace

void ServerLoop::accept_some() {
  for (int i = 0; i < accepted_in_a_turn; ++i) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    base::OwnDescriptor socket(accept4(listener_.descriptor(),
                                       reinterpret_cast<sockaddr*>(&address), &size,
                                       SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket) {
      admit(std::move(socket), peer_of(address));
    } else if (is_shortage(errno)) {
      // The system says so also when nobody waits.
      pollfd waiting{.fd = listener_.descriptor(), .events = POLLIN, .revents = 0};
      if (poll(&waiting, 1, 0) != 1 || !make_room()) {
        return;
      }
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;
    }
  }
}

void ServerLoop::admit(base::OwnDescriptor socket, const ServerPeer& peer) {
  const auto has_room = [&](std::size_t present, std::size_t most, const auto& whose,
                            const char* what) {
    ServerConnection* const old = present < most ? nullptr : connections_.dispensable(whose);
    if (old != nullptr) {
      close_for_room(*old, what);
    }
    return present < most || old != nullptr;
  };
  if (!has_room(connections_.size_of(peer), options_.connections_per_peer_max, std::optional(peer),
                "a client has more than its share of connections") ||
      !has_room(connections_.size(), connections_max_, std::optional<ServerPeer>(),
                "there are more connections than are served")) {
    return;
  }
  const int number = socket.get();
  if (!listener_.is_unix()) {
    const int on = 1;
    setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(number, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes_max, sizeof unsent_bytes_max);
  }
  ServerConnection& connection = connections_.add(std::move(socket), peer, now_);
  if (access_) {
    if (auto tls = access_->rules().tls) {
      auto session = TlsSession::create(std::move(tls), number);
      if (!session) {
        connections_.remove(connection);
        return;
      }
      connection.use(std::move(session));
    }
  }
  connection.interest = EPOLLIN;
  epoll_event event{};
  event.events = connection.interest;
  event.data.u64 = connection.id();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, number, &event) != 0) {
    connections_.remove(connection);
    return;
  }
  if (!base::within_memory([&] { enter(connection, ServerPhase::idle); })) {
    connections_.remove(connection);
  }
}

/// For a descriptor. False when accepting has to rest.
bool ServerLoop::make_room() {
  if (ServerConnection* const old = connections_.dispensable(std::nullopt)) {
    close_for_room(*old, "the process has no descriptor left");
    return true;
  }
  turn_away();
  rest_from_accepting();
  return false;
}

void ServerLoop::turn_away() {
  reserve_.reset();
  {
    const base::OwnDescriptor client(
        accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  reserve_ = base::OwnDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void ServerLoop::rest_from_accepting() {
  watch_listener(0);
  accepts_again_ = now_ + rest;
}

void ServerLoop::watch_listener(std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = listener_tag;
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener_.descriptor(), &event);
}

}  // namespace heapwatch::net
