// Where a server listens, and the limits it sets its clients.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "net/server_message.h"

namespace heapwatch::net {

struct ServerOptions {
  /// HOST:PORT, [IPV6]:PORT, :PORT for every address, or unix:PATH.
  std::string listen = "127.0.0.1:0";
  /// That make pages.
  unsigned threads = 4;
  /// That make the pages of which `takes_long` says so; others never wait for them. A few more
  /// requests than these wait for a thread, further ones get a 503.
  unsigned long_threads = 16;
  std::function<bool(const ServerRequest&)> takes_long{};  // runs on the loop; must not throw
  /// What the page of a request depends on, where it may be shared by all who ask for it at once;
  /// empty where it may not. Likewise.
  std::function<std::string(const ServerRequest&)> shared_as{};

  std::size_t request_bytes_max = std::size_t{16} * 1024;  // request line and headers
  std::size_t body_bytes_max = 0;                          // of a POST; 0: none is served
  /// What all requests and replies under way may take; past it the connections that move their
  /// bytes most slowly are closed.
  std::size_t held_bytes_max = std::size_t{128} * 1024 * 1024;

  /// For a head from its first byte to its last, likewise for a body, and without a byte of the
  /// reply taken.
  std::chrono::milliseconds request_timeout{5'000};
  /// For all of an exchange but the time in which the page is made.
  std::chrono::milliseconds exchange_timeout{60'000};
  /// Without a request.
  std::chrono::milliseconds idle_timeout{75'000};

  /// Past these the connection that has been idle longest is closed for the new one. The server
  /// takes at most a quarter of the descriptors that the process may have.
  std::size_t connections_max = 4096;
  std::size_t connections_per_peer_max = 3072;
};

}  // namespace heapwatch::net
