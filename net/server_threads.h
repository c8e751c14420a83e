// A server's loop and the threads that run it. Private to this folder.
#pragma once

#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "net/server_loop.h"

namespace heapwatch::net {

/// Ends with its threads.
class ServerThreads {
 public:
  explicit ServerThreads(std::unique_ptr<ServerLoop> loop) : loop_(std::move(loop)) {}
  ServerThreads(const ServerThreads&) = delete;
  ServerThreads& operator=(const ServerThreads&) = delete;
  ~ServerThreads() {
    loop_->stop();
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  /// Errors: io; `listen` is how the message calls the server.
  [[nodiscard]] base::Result<void> start(const std::string& listen) {
    try {
      for (unsigned i = 0; i < loop_->thread_count(); ++i) {
        threads_.emplace_back([raw = loop_.get()]() noexcept { raw->run(); });
      }
    } catch (const std::system_error& error) {
      return base::fail(base::ErrorKind::io, listen + ": cannot start a thread: " + error.what());
    }
    return {};
  }
  [[nodiscard]] std::uint16_t port() const { return loop_->port(); }

 private:
  std::unique_ptr<ServerLoop> loop_;
  std::vector<std::thread> threads_;
};

}  // namespace heapwatch::net
