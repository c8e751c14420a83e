// The pages of a server as one table: what answers a path, and what people are told of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/http_server.h"

namespace heapwatch::net {

/// One page.
struct Route {
  /// What the page depends on, where requests that come at once may share one.
  enum class Shared : std::uint8_t { no, by_query, by_accept };

  /// "/debug/vars". One that ends with a slash is also that of all below it: "/api/memory/" of
  /// "/api/memory/7", unless that has a page of its own.
  std::string path;
  std::string help;  // what it is, on one line
  ServerHandler handler;
  Shared shared = Shared::no;
  /// For the threads that may take long (ServerOptions::takes_long).
  bool takes_long = false;
  std::size_t post_bytes_max = 0;  // of the body of a POST; 0: GET and HEAD alone
  bool is_for_browsers = false;    // others get what there is without this route
};

/// Answers a request with the page of its path. A path that has none gets a 404 that names those
/// that there are, a method that a page does not take a 405, and "/" the list of the pages where it
/// has no page of its own.
///
/// Threads: all functions may be called from any, as the handlers may.
class Routes {
 public:
  explicit Routes(std::vector<Route> routes) : routes_(std::move(routes)) {}

  [[nodiscard]] const std::vector<Route>& all() const { return routes_; }
  [[nodiscard]] ServerReply answer(const ServerRequest& request) const;
  /// The limits and rules of the pages, for a server that listens there.
  [[nodiscard]] ServerOptions options(std::string listen) const;

 private:
  [[nodiscard]] const Route* find(const std::string& path) const;
  [[nodiscard]] std::string index() const;

  std::vector<Route> routes_;
};

}  // namespace heapwatch::net
