#include <memory>
#include <optional>
#include <utility>

#include "net/event_loop.h"
#include "net/http.h"

namespace heapwatch::net {

HttpResult fetch(const HttpRequest& request, BodyFilterPtr filter) {
  auto loop = EventLoop::create({.transfers_max = 1, .idle_connections_max = 1});
  if (!loop) {
    return tl::unexpected(loop.error());
  }
  std::optional<HttpResult> outcome;
  // The request outlives the loop, so nobody has to own it.
  (*loop)->fetch(
      HttpRequestPtr(HttpRequestPtr(), &request),
      [&](HttpResult result) {
        outcome = std::move(result);
        (*loop)->stop();
      },
      std::move(filter));
  (*loop)->run();
  return std::move(*outcome);
}

}  // namespace heapwatch::net
