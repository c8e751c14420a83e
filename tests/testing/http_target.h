// A well-behaved HTTP server inside the test: what a path answers is set by the test.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace heapwatch::tests {

struct Answer {
  int status = 200;
  std::string body;
  std::string headers;                 // further lines, each with its "\r\n"
  std::chrono::milliseconds delay{0};  // before the answer; it ends early with the target
};

/// Serves on a free port of 127.0.0.1 with a thread per connection; keeps connections alive.
///
/// Threads: everything may be called from any.
class HttpTarget {
 public:
  HttpTarget() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, generic, size) != 0 || listen(listener_, 1024) != 0 ||
        getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("cannot listen on 127.0.0.1");
    }
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
  }
  HttpTarget(const HttpTarget&) = delete;
  HttpTarget& operator=(const HttpTarget&) = delete;
  ~HttpTarget() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (const int connection : open_) {
        shutdown(connection, SHUT_RDWR);
      }
    }
    stopped_.notify_all();
    shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    close(listener_);
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  /// What GET of `path` (with its query) answers from now on; any other path is a 404.
  void serve(const std::string& path, Answer answer) {
    const std::lock_guard lock(mutex_);
    answers_[path] = std::move(answer);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  /// The heads of the requests so far, as they came.
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void accept_all() {
    while (true) {
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const std::lock_guard lock(mutex_);
      if (stopping_ || connection < 0) {
        if (connection >= 0) {
          close(connection);
        }
        return;
      }
      const int on = 1;
      setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ++connections_;
      open_.push_back(connection);
      threads_.emplace_back([this, connection] { converse(connection); });
    }
  }

  void converse(int connection) {
    std::string received;
    while (true) {
      const std::size_t end = received.find("\r\n\r\n");
      if (end == std::string::npos) {
        char bytes[4096];
        const ssize_t count = recv(connection, bytes, sizeof bytes, 0);
        if (count <= 0) {
          break;
        }
        received.append(bytes, static_cast<std::size_t>(count));
        continue;
      }
      const std::string head = received.substr(0, end + 2);
      received.erase(0, end + 4);
      if (!reply(connection, head)) {
        break;
      }
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, connection);
    close(connection);
  }

  bool reply(int connection, const std::string& head) {
    Answer answer{.status = 404, .body = "no such page\n", .headers = {}, .delay = {}};
    {
      std::unique_lock lock(mutex_);
      requests_.push_back(head);
      const std::size_t begin = head.find(' ') + 1;
      const auto found = answers_.find(head.substr(begin, head.find(' ', begin) - begin));
      if (found != answers_.end()) {
        answer = found->second;
      }
      if (stopped_.wait_for(lock, answer.delay, [this] { return stopping_; })) {
        return false;
      }
    }
    std::string text = "HTTP/1.1 " + std::to_string(answer.status) +
                       " -\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n" +
                       answer.headers + "\r\n" + answer.body;
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t count = send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) {
        return false;
      }
      sent += static_cast<std::size_t>(count);
    }
    return true;
  }

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  std::map<std::string, Answer> answers_;
  std::vector<std::string> requests_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace heapwatch::tests
