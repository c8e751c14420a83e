// Where a DogStatsD server listens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace heapwatch::exporters::dogstatsd {

inline constexpr std::uint16_t default_port = 8125;

struct Address {
  /// `unix_any` tries datagrams first, and the stream when the socket turns out to be one.
  enum class Scheme : std::uint8_t { udp, unix_any, unixgram, unixstream };

  Scheme scheme = Scheme::udp;
  std::string host = "localhost";  // udp: a name or an address, IPv6 without brackets
  std::uint16_t port = default_port;
  std::string path;  // of a unix socket
  /// What people read instead of it, when it is a secret; else empty.
  std::string shown_as = {};

  friend bool operator==(const Address&, const Address&) = default;
};

/// Reads `udp://host[:port]`, `unix://path`, `unixgram://path`, `unixstream://path`, and
/// `host[:port]`. An IPv6 address stands in brackets when a port follows. Errors: invalid. With
/// `shown_as` the text is a secret, and no error holds a part of it.
[[nodiscard]] base::Result<Address> parse_address(std::string_view text,
                                                  std::string_view shown_as = {});

/// What the address is shown as; or the form with a scheme and, for udp, a port.
[[nodiscard]] std::string to_text(const Address& address);

}  // namespace heapwatch::exporters::dogstatsd
