// Client sockets for small messages: UDP, and unix sockets of both kinds.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"

namespace heapwatch::net {

/// Longest path of a unix socket.
inline constexpr std::size_t unix_path_bytes_max = 107;

/// An address and a port, as the operating system takes it and as people read it.
struct Endpoint {
  std::string bytes;
  std::string text;  // "127.0.0.1:8125", "[::1]:8125"

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// One look-up of a host name, on a thread of its own, because it may take the system half a
/// minute. Numeric addresses and "localhost" are there at once.
///
/// Threads: not safe. Ownership: may be destroyed at any time; the look-up then goes to its end
/// unheard.
class Resolution {
 public:
  using Answer = base::Result<std::vector<Endpoint>>;

  Resolution(const std::string& host, std::uint16_t port);

  /// The answer, or nothing when it has not come after `timeout`.
  [[nodiscard]] std::optional<Answer> wait(std::chrono::milliseconds timeout);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Which socket a path led to: another one there later is another server.
struct SocketFile {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t changed_ns = 0;  // the system gives inodes out again at once

  friend bool operator==(const SocketFile&, const SocketFile&) = default;
};

/// Nothing when there is no such file.
[[nodiscard]] std::optional<SocketFile> socket_file(const std::string& path);

enum class UnixKind : std::uint8_t { datagram, stream };

enum class SendStatus : std::uint8_t {
  sent,
  full,      // nothing was written: the other side is slower than we are
  too_long,  // nothing was written: no such large datagram goes over this socket
  broken,    // the connection is of no use any more
};

struct SendResult {
  SendStatus status = SendStatus::sent;
  std::string reason = {};  // of `broken`, in the system's words
};

/// A connected socket. Sends nothing by itself and raises no signal.
///
/// Threads: not safe. Errors of connecting: not_found, unreachable, invalid when the path is a
/// socket of the other kind; the message is the system's words.
class ClientSocket {
 public:
  [[nodiscard]] static base::Result<ClientSocket> connect_udp(const Endpoint& endpoint);
  /// A path that begins with `@` is a name outside the file system.
  [[nodiscard]] static base::Result<ClientSocket> connect_unix(const std::string& path,
                                                               UnixKind kind);

  /// All of `bytes`, waiting at most `timeout` for room. On a stream that took a part and then no
  /// more the connection is broken, since its reader would lose the frames.
  [[nodiscard]] SendResult send(std::string_view bytes, std::chrono::milliseconds timeout);

  /// What the other side told since, as a closed stream or a refused datagram; asking forgets it.
  [[nodiscard]] std::optional<std::string> take_error();

 private:
  explicit ClientSocket(base::OwnDescriptor descriptor) : descriptor_(std::move(descriptor)) {}

  base::OwnDescriptor descriptor_;
};

}  // namespace heapwatch::net
