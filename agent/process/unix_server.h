// A server of pages on a unix socket, for one reader at a time or a few: `curl --unix-socket`.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "base/error.h"
#include "net/http_server.h"

namespace heapwatch::agent::process {

/// GET and HEAD, one request per connection. Only the user may connect (mode 0600).
class UnixServer {
 public:
  /// A socket that nobody listens on any more is replaced. Errors: invalid (the path is too long),
  /// io (in use, or it cannot be made; the message names it).
  [[nodiscard]] static base::Result<std::unique_ptr<UnixServer>> start(const std::string& path,
                                                                       net::ServerHandler handler);
  UnixServer(const UnixServer&) = delete;
  UnixServer& operator=(const UnixServer&) = delete;
  /// Removes the socket. Waits for requests that are being answered.
  ~UnixServer();

 private:
  UnixServer() = default;
  void serve();
  void answer(int connection) const;

  std::string path_;
  net::ServerHandler handler_;
  int listener_ = -1;
  int stop_ = -1;  // an eventfd
  std::atomic<int> open_{0};
  std::thread thread_;
};

}  // namespace heapwatch::agent::process
