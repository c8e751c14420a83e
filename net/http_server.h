// A small HTTP server for pages about ourselves (civetweb).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http.h"

namespace heapwatch::net {

struct ServerRequest {
  std::string method;
  std::string path;   // "/debug/vars", decoded
  std::string query;  // without "?", as it came
  Headers headers;    // names in lower case
  std::string body;   // of a POST

  /// The value of a header, empty when it is absent.
  [[nodiscard]] std::string_view header(std::string_view lower_case_name) const;
};

struct ServerReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  Headers headers;
};

/// Threads: called from several at once.
using ServerHandler = std::function<ServerReply(const ServerRequest&)>;

struct ServerOptions {
  std::string listen = "127.0.0.1:0";  // HOST:PORT, [IPV6]:PORT, or :PORT for every address
  unsigned threads = 4;
  std::size_t request_bytes_max = std::size_t{16} * 1024;  // request line and headers
  std::size_t body_bytes_max = 0;                          // of a POST; 0: none is served
  std::chrono::milliseconds request_timeout{5'000};  // to receive a request, and without progress
                                                     // in sending a reply
};

/// GET and HEAD, and POST where it is allowed (405 for the rest). Replies over 1 KiB are gzipped
/// when the client takes that. Connections are kept alive. A handler that throws gives a 500. On a
/// loopback address, a request whose Host is a name other than localhost gets a 421: it comes from
/// a browser that was tricked.
class HttpServer {
 public:
  /// Errors: invalid (the address; an IPv6 one where civetweb is built without), io (in use; the
  /// message names the address and what to change).
  [[nodiscard]] static base::Result<std::unique_ptr<HttpServer>> start(const ServerOptions& options,
                                                                       ServerHandler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  /// The port in use, also when 0 was asked for.
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace heapwatch::net
