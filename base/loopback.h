// Which addresses only this machine can reach.
#pragma once

#include <string_view>

namespace heapwatch::base {

/// Whether a host, as it is written in an address, is this machine's loopback: `localhost`, an
/// IPv4 address of 127.0.0.0/8, `::1` or `[::1]`. Other names are not resolved, and are not.
[[nodiscard]] inline bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host == "[::1]" ||
         (host.starts_with("127.") &&
          host.find_first_not_of("0123456789.") == std::string_view::npos);
}

}  // namespace heapwatch::base
