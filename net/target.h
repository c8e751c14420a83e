// Where a URL leads, and the text by which messages name it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace heapwatch::net {

/// `text`, which begins with http:// when it names no scheme.
[[nodiscard]] std::string with_scheme(std::string text);

/// The part of a URL that decides who sees a credential.
struct Authority {
  bool tls = false;
  std::string host;  // lower case, an IPv6 address without brackets
  std::uint16_t port = 0;

  friend bool operator==(const Authority&, const Authority&) = default;
};

/// Errors: invalid, for anything but an absolute http or https URL without userinfo.
[[nodiscard]] base::Result<Authority> parse_authority(const std::string& url);

/// True when `next` may see what was meant for `first`: the same place, or its https twin on the
/// default ports.
[[nodiscard]] bool shares_credentials(const Authority& first, const Authority& next);

/// `url` without userinfo, fragment and the values of its query, which may all be secrets.
[[nodiscard]] std::string shown_url(std::string_view url);

/// `url` with the name (without the port) of a Host header in place of its own. Errors: invalid.
[[nodiscard]] base::Result<std::string> with_host(const std::string& url, std::string_view host);

/// Where a Location header found at `base` leads. Errors: invalid.
[[nodiscard]] base::Result<std::string> resolve_location(const std::string& base,
                                                         const std::string& location);

/// `[::1]` for an IPv6 address, any other host as it is.
[[nodiscard]] std::string bracketed(const std::string& host);

}  // namespace heapwatch::net
