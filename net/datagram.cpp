#include "net/datagram.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace heapwatch::net {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

static_assert(unix_path_bytes_max == sizeof(sockaddr_un::sun_path) - 1);

std::string words(int number) {
  return std::generic_category().message(number);
}

base::ErrorKind connect_kind(int number) {
  switch (number) {
    case EPROTOTYPE:
    case ENAMETOOLONG:
      return base::ErrorKind::invalid;
    case ENOENT:
      return base::ErrorKind::not_found;
    default:
      return base::ErrorKind::unreachable;
  }
}

bool would_block(int number) {
  // ENOBUFS: the queue of a network device is full.
  return number == EAGAIN || number == EWOULDBLOCK || number == ENOBUFS;
}

/// Waits until the socket takes more, at most until `deadline`; false when it does not.
bool wait_writable(int descriptor, steady_clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    pollfd entry{descriptor, POLLOUT, 0};
    const int ready =
        ::poll(&entry, 1, static_cast<int>(std::max<milliseconds::rep>(0, left.count())));
    if (ready >= 0 || errno != EINTR) {
      return ready > 0;
    }
  }
}

base::Result<base::OwnDescriptor> connect_socket(int family, int type, const void* address,
                                                 socklen_t bytes) {
  base::OwnDescriptor descriptor(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!descriptor) {
    return base::fail(base::ErrorKind::io, words(errno));
  }
  // UDP and unix sockets connect at once or not at all.
  if (::connect(descriptor.get(), static_cast<const sockaddr*>(address), bytes) != 0) {
    const int number = errno;
    return base::fail(connect_kind(number), words(number));
  }
  return descriptor;
}

}  // namespace

std::optional<SocketFile> socket_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return SocketFile{status.st_dev, status.st_ino,
                    std::int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec};
}

base::Result<ClientSocket> ClientSocket::connect_udp(const Endpoint& endpoint) {
  sockaddr_storage address{};
  std::memcpy(&address, endpoint.bytes.data(), std::min(endpoint.bytes.size(), sizeof address));
  return connect_socket(address.ss_family, SOCK_DGRAM, &address,
                        static_cast<socklen_t>(endpoint.bytes.size()))
      .map([](base::OwnDescriptor descriptor) { return ClientSocket(std::move(descriptor)); });
}

base::Result<ClientSocket> ClientSocket::connect_unix(const std::string& path, UnixKind kind) {
  if (path.size() > unix_path_bytes_max) {
    return base::fail(base::ErrorKind::invalid, words(ENAMETOOLONG));
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  std::size_t bytes = sizeof address;
  if (path.starts_with('@')) {
    address.sun_path[0] = '\0';  // a name of its own, not padded
    bytes = offsetof(sockaddr_un, sun_path) + path.size();
  }
  return connect_socket(AF_UNIX, kind == UnixKind::stream ? SOCK_STREAM : SOCK_DGRAM, &address,
                        static_cast<socklen_t>(bytes))
      .map([](base::OwnDescriptor descriptor) { return ClientSocket(std::move(descriptor)); });
}

SendResult ClientSocket::send(std::string_view bytes, milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  std::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t count = ::send(descriptor_.get(), left.data(), left.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      left.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    const int number = errno;
    if (number == EINTR) {
      continue;
    }
    if (number == EMSGSIZE) {
      return {SendStatus::too_long};
    }
    if (!would_block(number)) {
      return {SendStatus::broken, words(number)};
    }
    if (!wait_writable(descriptor_.get(), deadline)) {
      return left.size() == bytes.size()
                 ? SendResult{SendStatus::full}
                 : SendResult{SendStatus::broken, "it took only a part of a packet"};
    }
  }
  return {};
}

std::optional<std::string> ClientSocket::take_error() {
  int number = 0;
  socklen_t bytes = sizeof number;
  if (::getsockopt(descriptor_.get(), SOL_SOCKET, SO_ERROR, &number, &bytes) == 0 && number != 0) {
    return words(number);
  }
  pollfd entry{descriptor_.get(), 0, 0};
  if (::poll(&entry, 1, 0) > 0 && (entry.revents & POLLHUP) != 0) {
    return words(EPIPE);
  }
  return std::nullopt;
}

}  // namespace heapwatch::net
