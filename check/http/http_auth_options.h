// The options that say who asks: credentials, and a token from a file.
#pragma once

#include <optional>

#include "config/section.h"
#include "net/http.h"

namespace heapwatch::check::http {

/// `auth_type` and what belongs to it. What is wrong goes to the section's diagnostics.
void read_auth(config::Section& instance, net::HttpRequest& request);

/// `auth_token`, likewise.
[[nodiscard]] std::optional<net::TokenFile> read_token(config::Section& instance);

}  // namespace heapwatch::check::http
