// Where a server listens, as written in the configuration.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace heapwatch::net {

struct ListenAddress {
  std::string host;     // as written, an IPv6 address without brackets; empty: every address
  std::string numeric;  // its address; empty for every address
  std::uint16_t port = 0;

  [[nodiscard]] bool is_loopback() const;
};

/// `HOST:PORT`, `[ADDRESS]:PORT` or `:PORT`; names are resolved, to an IPv4 address where
/// they have one. Errors: invalid.
[[nodiscard]] base::Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace heapwatch::net
