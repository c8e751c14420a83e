// A connection that says exactly what a test wants.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace heapwatch::net {

class RawClient {
 public:
  /// Connects to 127.0.0.1 as `from`, or to [::1].
  explicit RawClient(std::uint16_t port, const std::string& from = "127.0.0.1")
      : socket_(socket(from == "::1" ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    be_patient();
    if (from == "::1") {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(port);
      address.sin6_addr = in6addr_loopback;
      expect_connected(reinterpret_cast<sockaddr*>(&address), sizeof address);
      return;
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, from.c_str(), &address.sin_addr);
    if (from != "127.0.0.1") {
      EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    expect_connected(reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  /// Connects to a unix socket.
  explicit RawClient(const std::string& path)
      : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    be_patient();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    expect_connected(reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  struct Duplicate {
    int socket;
  };
  explicit RawClient(Duplicate duplicate) : socket_(duplicate.socket) {}
  RawClient(RawClient&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  RawClient& operator=(RawClient&&) = delete;
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() {
    if (socket_ >= 0) {
      close(socket_);
    }
  }

  [[nodiscard]] Duplicate duplicate() const { return {dup(socket_)}; }

  void say(const std::string& text) const { EXPECT_TRUE(try_to_say(text)); }
  [[nodiscard]] bool try_to_say(const std::string& text) const {
    return send(socket_, text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }
  void end_request() const { shutdown(socket_, SHUT_WR); }
  /// What comes until `end`, or until the server closes when that is empty.
  [[nodiscard]] std::string hear(const std::string& end = "") const {
    std::string heard;
    char bytes[4096];
    while (end.empty() || heard.find(end) == std::string::npos) {
      const ssize_t count = recv(socket_, bytes, sizeof bytes, 0);
      if (count <= 0) {
        EXPECT_TRUE(count == 0 || errno == ECONNRESET) << "nothing came: " << heard;
        break;
      }
      heard.append(bytes, static_cast<std::size_t>(count));
    }
    return heard;
  }
  /// Takes at most `bytes_max` of what is there; false when the server has closed.
  [[nodiscard]] bool sip(std::size_t bytes_max) const {
    std::string bytes(bytes_max, '\0');
    const ssize_t count = recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    return count > 0 || (count < 0 && errno == EAGAIN);
  }

 private:
  void be_patient() const {
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  void expect_connected(const sockaddr* address, socklen_t size) const {
    EXPECT_EQ(connect(socket_, address, size), 0) << std::strerror(errno);
  }

  int socket_;
};

}  // namespace heapwatch::net
