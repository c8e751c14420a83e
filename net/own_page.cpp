#include "net/own_page.h"

#include <string_view>

#include "base/text.h"

namespace heapwatch::net {

bool is_of_own_page(const ServerRequest& request) {
  const std::string_view site = request.header("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none") {
    return false;
  }
  std::string_view origin = request.header("origin");
  if (origin.empty()) {
    return true;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) {
      origin.remove_prefix(scheme.size());
      return base::same_ignoring_case(origin, request.header("host"));
    }
  }
  return false;
}

bool is_json(const ServerRequest& request) {
  const std::string_view type = request.header("content-type");
  return base::same_ignoring_case(base::trimmed(type.substr(0, type.find(';'))),
                                  "application/json");
}

}  // namespace heapwatch::net
