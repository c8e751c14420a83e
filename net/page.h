// A page, for who takes its body or nothing.
#pragma once

#include <string>

#include "net/http.h"

namespace heapwatch::net {

/// The body of a page that is answered with 200. Blocking. Errors: those of fetch(), and refused
/// for any other status; the message names the page.
[[nodiscard]] base::Result<std::string> fetch_page(const HttpRequest& request);

}  // namespace heapwatch::net
