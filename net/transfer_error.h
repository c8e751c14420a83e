// What went wrong on the wire, in words that say what to change.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <string>

#include "base/error.h"
#include "net/curl_options.h"
#include "net/http.h"

namespace heapwatch::net {

/// `http://h/x: ` followed by `what`; names the unix socket as well.
[[nodiscard]] base::Error exchange_error(base::ErrorKind kind, const HttpRequest& request,
                                         const Hop& hop, const std::string& said);

/// The error for a failed transfer. `detail` is curl's error buffer, `took` the time since the hop
/// began.
[[nodiscard]] base::Error transfer_error(CURL* easy, CURLcode code, const std::string& detail,
                                         const HttpRequest& request, const Hop& hop,
                                         std::chrono::nanoseconds took);

[[nodiscard]] base::Error read_timeout_error(const HttpRequest& request, const Hop& hop);
[[nodiscard]] base::Error total_timeout_error(const HttpRequest& request, const Hop& hop);

}  // namespace heapwatch::net
