#include "net/server_listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "net/listen_address.h"

namespace heapwatch::net {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::string_view unix_prefix = "unix:";
/// Connections that the system keeps for us until they are accepted.
constexpr int backlog = 1024;
constexpr int socket_flags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses address_of(const std::string& numeric, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(numeric.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    found = nullptr;
  }
  return {found, &freeaddrinfo};
}

/// A listening socket; without one errno says why.
base::OwnDescriptor listening(const std::string& numeric, std::uint16_t port) {
  const Addresses address = address_of(numeric, port);
  if (!address) {
    errno = EADDRNOTAVAIL;
    return {};
  }
  base::OwnDescriptor listener(socket(address->ai_family, socket_flags, 0));
  const int on = 1;
  const int off = 0;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address->ai_family == AF_INET6) {  // [::] is every address of IPv4, too
    setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (listener && bind(listener.get(), address->ai_addr, address->ai_addrlen) == 0 &&
      listen(listener.get(), backlog) == 0) {
    return listener;
  }
  const int error = errno;
  listener.reset();
  errno = error;
  return listener;
}

std::uint16_t port_of(const base::OwnDescriptor& listener) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return 0;
  }
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(ErrorKind::invalid, "unix:" + path + ": the path of a unix socket has 1 to " +
                                        std::to_string(sizeof address.sun_path - 1) + " bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

bool is_stale(const sockaddr_un& address) {
  const base::OwnDescriptor probe(socket(AF_UNIX, socket_flags, 0));
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

}  // namespace

Result<ServerListener> ServerListener::open(const std::string& listen) {
  return listen.compare(0, unix_prefix.size(), unix_prefix) == 0
             ? open_unix(listen.substr(unix_prefix.size()))
             : open_tcp(listen);
}

Result<ServerListener> ServerListener::open_unix(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) {
    return tl::unexpected(address.error());
  }
  ServerListener made;
  made.is_unix_ = true;
  made.socket_ = base::OwnDescriptor(socket(AF_UNIX, socket_flags, 0));
  const int listener = made.descriptor();
  const auto bind_it = [&] {
    return bind(listener, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0;
  };
  // The file gets the mode that the socket has before it is bound.
  bool bound = fchmod(listener, S_IRUSR | S_IWUSR) == 0 && bind_it();
  if (!bound && errno == EADDRINUSE && is_stale(*address)) {
    unlink(path.c_str());
    bound = bind_it();
  }
  if (!bound || ::listen(listener, backlog) != 0) {
    return fail(ErrorKind::io, "cannot listen on unix:" + path + ": " + std::strerror(errno));
  }
  made.path_ = path;
  return made;
}

Result<ServerListener> ServerListener::open_tcp(const std::string& listen) {
  const auto address = parse_listen_address(listen);
  if (!address) {
    return tl::unexpected(address.error());
  }
  ServerListener made;
  const std::string& numeric = address->numeric;
  made.socket_ = listening(numeric.empty() ? "::" : numeric, address->port);
  if (!made.socket_ && numeric.empty() && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
    made.socket_ = listening("0.0.0.0", address->port);  // the system has no IPv6
  }
  if (!made.socket_) {
    return fail(
        ErrorKind::io,
        listen + (errno == EADDRINUSE ? " is in use; listen on another port, or on port 0 "
                                        "for a free one"
                                      : std::string(": cannot listen: ") + std::strerror(errno)));
  }
  made.port_ = port_of(made.socket_);
  made.is_loopback_ = address->is_loopback();
  return made;
}

ServerListener::~ServerListener() {
  if (socket_ && !path_.empty()) {
    unlink(path_.c_str());
  }
}

}  // namespace heapwatch::net
