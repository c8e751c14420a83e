// The header lines of a request, and nothing but them.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http.h"

namespace heapwatch::net {

using CurlList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

/// The headers of `request` as curl wants them, with curl's own ones switched off. A hop that is
/// not `trusted` gets none that may carry a credential. Errors: invalid.
[[nodiscard]] base::Result<CurlList> make_headers(const HttpRequest& request, bool trusted,
                                                  const std::string& token);

/// Null when there is none of that name.
[[nodiscard]] const std::string* find_header(const Headers& headers, std::string_view name);

/// A method or a header's name. Source: RFC 9110, 5.6.2.
[[nodiscard]] bool is_http_token(std::string_view text);

}  // namespace heapwatch::net
