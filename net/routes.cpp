#include "net/routes.h"

#include <algorithm>
#include <utility>

namespace heapwatch::net {

const Route* Routes::find(const std::string& path) const {
  const Route* nearest = nullptr;
  for (const Route& route : routes_) {
    if (route.path == path) {
      return &route;
    }
    const bool is_above = route.path.size() > 1 && route.path.back() == '/';
    if (is_above && path.size() > route.path.size() && path.starts_with(route.path) &&
        (nearest == nullptr || route.path.size() > nearest->path.size())) {
      nearest = &route;
    }
  }
  return nearest;
}

std::string Routes::index() const {
  std::size_t width = 0;
  for (const Route& route : routes_) {
    width = std::max(width, route.path.size());
  }
  std::string text;
  for (const Route& route : routes_) {
    if (route.is_for_browsers) {
      continue;
    }
    text += route.path + std::string(width - route.path.size() + 2, ' ') + route.help + '\n';
  }
  return text;
}

ServerReply Routes::answer(const ServerRequest& request) const {
  const Route* route = find(request.path);
  if (route != nullptr && route->is_for_browsers &&
      request.header("accept").find("text/html") == std::string_view::npos) {
    route = nullptr;
  }
  if (route == nullptr && request.path == "/") {
    return {.body = index()};
  }
  if (route == nullptr) {
    std::string known;
    for (const Route& other : routes_) {
      known += (known.empty() ? "" : ", ") + other.path;
    }
    return text_reply(404, "not found; pages here: " + known);
  }
  if (request.method == "POST" && route->post_bytes_max == 0) {
    return {.status = 405,
            .body = "POST is not served at " + route->path + ", only GET and HEAD\n",
            .headers = {{"Allow", "GET, HEAD"}}};
  }
  return route->handler(request);
}

ServerOptions Routes::options(std::string listen) const {
  // The server asks on its own thread, before and beside the handler: so it has a copy.
  const auto table = std::make_shared<const Routes>(*this);
  ServerOptions options;
  options.listen = std::move(listen);
  options.takes_long = [table](const ServerRequest& request) {
    const Route* const route = table->find(request.path);
    return route != nullptr && route->takes_long;
  };
  options.shared_as = [table](const ServerRequest& request) -> std::string {
    const Route* const route = table->find(request.path);
    if (route == nullptr || route->shared == Route::Shared::no) {
      return {};
    }
    return request.path + '?' +
           (route->shared == Route::Shared::by_query ? request.query
                                                     : std::string(request.header("accept")));
  };
  for (const Route& route : routes_) {
    options.body_bytes_max = std::max(options.body_bytes_max, route.post_bytes_max);
  }
  return options;
}

}  // namespace heapwatch::net
