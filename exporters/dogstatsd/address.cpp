#include "exporters/dogstatsd/address.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/number.h"
#include "net/datagram.h"

namespace heapwatch::exporters::dogstatsd {

namespace {

using Scheme = Address::Scheme;

constexpr std::array<std::pair<std::string_view, Scheme>, 4> schemes{{
    {"udp", Scheme::udp},
    {"unix", Scheme::unix_any},
    {"unixgram", Scheme::unixgram},
    {"unixstream", Scheme::unixstream},
}};

tl::unexpected<base::Error> refuse(std::string_view text, std::string_view why) {
  return base::fail(base::ErrorKind::invalid,
                    "dogstatsd address \"" + std::string(text) + "\": " + std::string(why));
}

base::Result<Address> parse_unix(std::string_view text, Scheme scheme, std::string_view path) {
  if (path.empty()) {
    return refuse(text, "no path of a socket");
  }
  if (path.size() > net::unix_path_bytes_max) {
    return refuse(text, "the path is " + std::to_string(path.size()) +
                            " bytes long; a unix socket takes " +
                            std::to_string(net::unix_path_bytes_max));
  }
  if (path.find('\0') != path.npos) {
    return refuse(text, "the path has a NUL byte");
  }
  Address address;
  address.scheme = scheme;
  address.host.clear();
  address.port = 0;
  address.path = path;
  return address;
}

/// A host and what follows it: `[::1]:8125`, `::1`, `host`, `host:8125`.
struct Parts {
  std::string_view host;
  std::string_view rest;
};

Parts split_host(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    return close == text.npos ? Parts{{}, text}
                              : Parts{text.substr(1, close - 1), text.substr(close + 1)};
  }
  if (std::count(text.begin(), text.end(), ':') > 1) {
    return {text, {}};
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  return {text.substr(0, colon), text.substr(colon)};
}

base::Result<Address> parse_udp(std::string_view text, std::string_view place) {
  const Parts parts = split_host(place);
  if (parts.host.empty()) {
    return refuse(text, "no host; udp://host:port is right");
  }
  const auto wrong = [](unsigned char byte) {
    return byte <= ' ' || byte == 0x7f ||
           std::string_view("/@?#[]\\").find(static_cast<char>(byte)) != std::string_view::npos;
  };
  if (std::any_of(parts.host.begin(), parts.host.end(), wrong)) {
    return refuse(text, "\"" + std::string(parts.host) + "\" is no host name");
  }
  Address address;
  address.host = parts.host;
  if (parts.rest.empty()) {
    return address;
  }
  const auto port = base::parse_number(parts.rest.substr(1));
  const auto number = port ? port->to_uint64() : std::nullopt;
  if (parts.rest.front() != ':' || !number || *number == 0 || *number > 65535) {
    return refuse(text, "\"" + std::string(parts.rest) + "\" is no port; :1 to :65535 is right");
  }
  address.port = static_cast<std::uint16_t>(*number);
  return address;
}

base::Result<Address> parse(std::string_view text) {
  const std::size_t mark = text.find("://");
  if (mark == text.npos) {
    if (!text.empty() && text.front() == '/') {
      return refuse(text, "a path needs a scheme; unix://" + std::string(text) + " is right");
    }
    return parse_udp(text, text);
  }
  const std::string_view name = text.substr(0, mark);
  const auto* const known = std::find_if(schemes.begin(), schemes.end(),
                                         [&](const auto& entry) { return entry.first == name; });
  if (known == schemes.end()) {
    return refuse(text, "unknown scheme \"" + std::string(name) +
                            "\"; one of udp, unix, unixgram, unixstream");
  }
  const std::string_view place = text.substr(mark + 3);
  return known->second == Scheme::udp ? parse_udp(text, place)
                                      : parse_unix(text, known->second, place);
}

}  // namespace

base::Result<Address> parse_address(std::string_view text, std::string_view shown_as) {
  auto address = parse(text);
  if (!shown_as.empty()) {
    if (!address) {
      return base::fail(base::ErrorKind::invalid,
                        "dogstatsd address: what came for " + std::string(shown_as) +
                            " is none; udp://host:port and unix://path are right");
    }
    address->shown_as = shown_as;
  }
  return address;
}

std::string to_text(const Address& address) {
  if (!address.shown_as.empty()) {
    return address.shown_as;
  }
  const auto* const entry = std::find_if(schemes.begin(), schemes.end(), [&](const auto& scheme) {
    return scheme.second == address.scheme;
  });
  const std::string scheme = std::string(entry->first) + "://";
  if (address.scheme != Scheme::udp) {
    return scheme + address.path;
  }
  const bool brackets = address.host.find(':') != std::string::npos;
  return scheme + (brackets ? "[" + address.host + "]" : address.host) + ":" +
         std::to_string(address.port);
}

}  // namespace heapwatch::exporters::dogstatsd
