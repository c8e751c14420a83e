// The socket on which a server waits for its clients, of TCP or in the file system.
#pragma once

#include <cstdint>
#include <string>

#include "base/descriptor.h"
#include "base/error.h"

namespace heapwatch::net {

/// `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (every address, of both families where the system has both)
/// or `unix:PATH`, whose socket only the user may connect to (mode 0600) and is removed at the end.
class ServerListener {
 public:
  /// A unix socket that nobody listens on any more is replaced. Errors: invalid (the address), io
  /// (in use, or the system's words; the message names the address and what to change).
  [[nodiscard]] static base::Result<ServerListener> open(const std::string& listen);
  ServerListener(ServerListener&&) = default;
  ServerListener& operator=(ServerListener&&) = delete;
  ServerListener(const ServerListener&) = delete;
  ServerListener& operator=(const ServerListener&) = delete;
  ~ServerListener();

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  /// The port in use, also when 0 was asked for; 0 on a unix socket.
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] bool is_loopback() const { return is_loopback_; }
  [[nodiscard]] bool is_unix() const { return is_unix_; }

 private:
  ServerListener() = default;
  [[nodiscard]] static base::Result<ServerListener> open_unix(const std::string& path);
  [[nodiscard]] static base::Result<ServerListener> open_tcp(const std::string& listen);

  base::OwnDescriptor socket_;
  std::uint16_t port_ = 0;
  bool is_loopback_ = false;
  bool is_unix_ = false;
  std::string path_;  // to remove
};

}  // namespace heapwatch::net
