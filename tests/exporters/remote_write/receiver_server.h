// A receiver on the loopback that keeps the bodies it is sent.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace heapwatch::exporters::remote_write {

/// Threads: everything may be called from any.
class ReceiverServer {
 public:
  struct Request {
    std::string head;
    std::string body;
    int status = 0;  // as it was answered
  };

  ReceiverServer() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("cannot listen on 127.0.0.1");
    }
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  ReceiverServer(const ReceiverServer&) = delete;
  ReceiverServer& operator=(const ReceiverServer&) = delete;
  ~ReceiverServer() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (const int connection : open_) {
        ::shutdown(connection, SHUT_RDWR);
      }
    }
    ::shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    for (std::thread& thread : threads_) {
      thread.join();
    }
    ::close(listener_);
  }

  void answer(int status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/api/v1/write";
  }
  [[nodiscard]] std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  [[nodiscard]] std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return threads_.size();
  }

 private:
  void accept_all() {
    while (true) {
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const std::lock_guard lock(mutex_);
      if (connection < 0 || stopping_) {
        if (connection >= 0) {
          ::close(connection);
        }
        return;
      }
      open_.push_back(connection);
      threads_.emplace_back([this, connection] { serve(connection); });
    }
  }

  bool read_until(int connection, std::string& text, std::size_t bytes) {
    std::array<char, 65536> buffer{};
    while (text.size() < bytes || (bytes == 0 && text.find("\r\n\r\n") == std::string::npos)) {
      const ssize_t got = ::read(connection, buffer.data(), buffer.size());
      if (got <= 0) {
        return false;
      }
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return true;
  }

  void serve(int connection) {
    std::string text;
    while (read_until(connection, text, 0)) {
      const std::size_t head = text.find("\r\n\r\n") + 4;
      const std::size_t length = text.find("Content-Length: ");
      const std::size_t body =
          length < head ? std::strtoull(text.c_str() + length + 16, nullptr, 10) : 0;
      if (!read_until(connection, text, head + body)) {
        break;
      }
      int status = 0;
      {
        const std::lock_guard lock(mutex_);
        status = status_;
        requests_.push_back({text.substr(0, head), text.substr(head, body), status});
      }
      text.erase(0, head + body);
      const std::string reply =
          "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n";
      if (::send(connection, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) {
        break;
      }
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, connection);
    ::close(connection);
  }

  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  int status_ = 200;
  bool stopping_ = false;
  std::vector<int> open_;
  std::vector<Request> requests_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace heapwatch::exporters::remote_write
