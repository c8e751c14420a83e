#include "net/page.h"

#include <utility>

#include "net/target.h"

namespace heapwatch::net {

base::Result<std::string> fetch_page(const HttpRequest& request) {
  HttpResult response = fetch(request);
  if (!response) {
    return tl::unexpected(response.error());
  }
  if (response->status != 200) {
    return base::fail(base::ErrorKind::refused,
                      (request.shown_as.empty() ? shown_url(request.url) : request.shown_as) +
                          ": " + status_text(response->status));
  }
  return std::move(response->body);
}

}  // namespace heapwatch::net
