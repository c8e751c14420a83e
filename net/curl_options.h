// The one place that turns an HttpRequest into options of a curl handle.
#pragma once

#include <curl/curl.h>

#include <string>

#include "base/error.h"
#include "net/http.h"
#include "net/request_headers.h"
#include "net/target.h"

namespace heapwatch::net {

/// One request on the wire; an exchange has several when it is redirected.
struct Hop {
  std::string url;
  Authority target;
  bool trusted = true;        // may see credentials
  bool without_body = false;  // a redirect turned the request into a GET
  std::string token;          // of HttpRequest::token
};

/// What curl points to while the options stand.
struct CurlLists {
  CurlList headers{nullptr, &curl_slist_free_all};
  CurlList connect_to{nullptr, &curl_slist_free_all};
};

/// Sets everything but callbacks and `total_timeout` on a handle fresh from curl_easy_reset().
///
/// Ownership: curl points into `request` and the lists returned; both must outlive the transfer.
/// Errors: invalid, for what curl or this machine cannot do; without the URL.
[[nodiscard]] base::Result<CurlLists> set_curl_options(CURL* easy, const HttpRequest& request,
                                                       const Hop& hop);

/// The proxy that `hop` goes through, empty for none.
[[nodiscard]] const std::string& proxy_of(const HttpRequest& request, const Hop& hop);

/// What messages call it.
[[nodiscard]] std::string shown_proxy(const HttpRequest& request, const Hop& hop);
/// Whether they may say no word more of it.
[[nodiscard]] bool is_proxy_secret(const HttpRequest& request, const Hop& hop);

/// Once per process, from any thread. Errors: io.
[[nodiscard]] base::Result<void> start_curl();

}  // namespace heapwatch::net
