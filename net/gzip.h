// Compressed replies: who wants one, and making it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace heapwatch::net {

/// Whether an Accept-Encoding header takes gzip. Source: RFC 9110, 12.5.3.
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

/// `bytes` as a gzip stream; empty when that would not be smaller.
[[nodiscard]] std::optional<std::string> gzip(std::string_view bytes);

}  // namespace heapwatch::net
