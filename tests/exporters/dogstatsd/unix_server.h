// A DogStatsD server on a unix socket in a folder of its own, for tests in one process.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/testing/temporary_folder.h"

namespace heapwatch::exporters::dogstatsd {

class Folder : public heapwatch::tests::TemporaryFolder {
 public:
  [[nodiscard]] std::string socket() const { return *this / "dsd.socket"; }
};

class UnixServer {
 public:
  /// `type` is SOCK_DGRAM, or SOCK_STREAM of which the first connection is read.
  UnixServer(const std::string& path, int type) : type_(type), socket_(::socket(AF_UNIX, type, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        (type == SOCK_STREAM && ::listen(socket_, 4) != 0)) {
      std::abort();
    }
  }
  UnixServer(const UnixServer&) = delete;
  UnixServer& operator=(const UnixServer&) = delete;
  ~UnixServer() {
    ::close(socket_);
    hang_up();
  }

  void hang_up() {
    if (connection_ >= 0) {
      ::close(std::exchange(connection_, -1));
    }
  }

  /// The bytes of one receive, or nothing when none come within `timeout_ms`.
  std::string receive(int timeout_ms) {
    if (type_ == SOCK_STREAM && connection_ < 0) {
      if (!readable(socket_, timeout_ms)) {
        return {};
      }
      connection_ = ::accept(socket_, nullptr, nullptr);
    }
    const int from = type_ == SOCK_STREAM ? connection_ : socket_;
    std::string bytes(65536, '\0');
    const ssize_t count =
        readable(from, timeout_ms) ? ::recv(from, bytes.data(), bytes.size(), 0) : 0;
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(0, count)));
    return bytes;
  }

  /// All that has arrived.
  std::vector<std::string> receive_all() {
    std::vector<std::string> packets;
    while (true) {
      std::string packet = receive(0);
      if (packet.empty()) {
        return packets;
      }
      packets.push_back(std::move(packet));
    }
  }

 private:
  static bool readable(int descriptor, int timeout_ms) {
    pollfd entry{descriptor, POLLIN, 0};
    return ::poll(&entry, 1, timeout_ms) > 0;
  }

  int type_;
  int socket_;
  int connection_ = -1;
};

}  // namespace heapwatch::exporters::dogstatsd
