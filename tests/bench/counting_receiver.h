// A receiver of HTTP requests in a process of its own, which reads them and says 204.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

namespace bench {

/// Made before this process has threads.
class CountingReceiver {
 public:
  CountingReceiver() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener, generic, size) != 0 || ::listen(listener, 64) != 0 ||
        ::getsockname(listener, generic, &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    child_ = ::fork();
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      while (true) {
        const int connection = ::accept(listener, nullptr, nullptr);
        std::thread([connection] { serve(connection); }).detach();
      }
    }
    ::close(listener);
  }
  CountingReceiver(const CountingReceiver&) = delete;
  CountingReceiver& operator=(const CountingReceiver&) = delete;
  ~CountingReceiver() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/api/v1/write";
  }

 private:
  static void serve(int connection) {
    static constexpr std::string_view reply =
        "HTTP/1.1 204 No Content\r\nX-Prometheus-Remote-Write-Samples-Written: 1000000\r\n\r\n";
    static std::array<char, 1 << 20> buffer;  // what it holds does not matter
    std::string head;
    while (true) {
      std::array<char, 4096> piece{};
      head.clear();
      std::size_t end = std::string::npos;
      while ((end = head.find("\r\n\r\n")) == std::string::npos) {
        const ssize_t got = ::read(connection, piece.data(), piece.size());
        if (got <= 0) {
          ::close(connection);
          return;
        }
        head.append(piece.data(), static_cast<std::size_t>(got));
      }
      const std::size_t length = head.find("Content-Length: ");
      std::size_t left = std::strtoull(head.c_str() + length + 16, nullptr, 10);
      left -= head.size() - end - 4;
      while (left > 0) {
        const ssize_t got = ::read(connection, buffer.data(), std::min(left, buffer.size()));
        if (got <= 0) {
          ::close(connection);
          return;
        }
        left -= static_cast<std::size_t>(got);
      }
      if (::send(connection, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) {
        return;
      }
    }
  }

  pid_t child_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace bench
