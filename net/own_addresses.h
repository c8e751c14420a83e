// The addresses of this machine.
#pragma once

#include <string>
#include <vector>

namespace heapwatch::net {

/// Of all interfaces but the loopback, as text. None when the system does not tell.
[[nodiscard]] std::vector<std::string> own_addresses();

}  // namespace heapwatch::net
