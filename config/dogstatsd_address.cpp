// The spellings of a DogStatsD address.
#include <algorithm>
#include <array>

#include "config/agent_options.h"

namespace heapwatch::config {

namespace {

constexpr std::uint16_t dogstatsd_port = 8125;

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = base::parse_number(text);
  const auto port = number ? number->to_uint64() : std::nullopt;
  return port && *port >= 1 && *port <= 65535 ? std::optional(static_cast<std::uint16_t>(*port))
                                              : std::nullopt;
}

/// `HOST`, `HOST:PORT`, `[V6]`, `[V6]:PORT` or a bare V6, as `udp://HOST:PORT`.
base::Result<std::string> udp_url(std::string_view address, std::uint16_t default_port) {
  std::string host(address);
  std::uint16_t port = default_port;
  const auto colon = address.rfind(':');
  const bool bare_v6 = std::count(address.begin(), address.end(), ':') > 1 && address[0] != '[';
  if (bare_v6) {
    host = "[" + host + "]";
  } else if (colon != std::string_view::npos && !address.ends_with(']')) {
    const auto read = parse_port(address.substr(colon + 1));
    if (!read) {
      return base::fail(base::ErrorKind::invalid, "must have a port from 1 to 65535");
    }
    port = *read;
    host.resize(colon);
  }
  const bool bracketed = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  const std::string name = bracketed ? host.substr(1, host.size() - 2) : host;
  if (name.empty() || name.find_first_of("/ \t@?#,[]") != std::string::npos) {
    return base::fail(base::ErrorKind::invalid, "must be HOST:PORT, such as 127.0.0.1:8125");
  }
  return "udp://" + host + ":" + std::to_string(port);
}

}  // namespace

base::Result<std::string> dogstatsd_url(std::string_view text) {
  static constexpr std::string_view udp = "udp://";
  if (text.starts_with(udp)) {
    return udp_url(text.substr(udp.size()), dogstatsd_port);
  }
  static constexpr std::array<std::string_view, 3> socket_schemes{"unix://", "unixgram://",
                                                                  "unixstream://"};
  for (const std::string_view scheme : socket_schemes) {
    if (text.starts_with(scheme)) {
      if (!text.substr(scheme.size()).starts_with('/')) {
        return base::fail(base::ErrorKind::invalid, "must name an absolute path, such as " +
                                                        std::string(scheme) +
                                                        "/var/run/datadog/dsd.socket");
      }
      return std::string(text);
    }
  }
  return base::fail(base::ErrorKind::invalid,
                    "must begin with udp://, unix://, unixgram:// or unixstream://");
}

base::Result<std::string> dogstatsd_url_of_host(std::string_view host, std::uint16_t port) {
  if (host.find("://") != std::string_view::npos) {
    return dogstatsd_url(host);
  }
  return udp_url(host, port == 0 ? dogstatsd_port : port);
}

}  // namespace heapwatch::config
