// Which targets are reached without their proxy.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "net/http.h"

namespace heapwatch::net {

namespace {

struct Address {
  std::array<unsigned char, 16> bytes{};
  unsigned bits = 0;  // 32 or 128
};

std::optional<Address> parse_address(std::string_view text) {
  const std::string terminated(text);
  Address address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1) {
    address.bits = 32;
    return address;
  }
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) {
    address.bits = 128;
    return address;
  }
  return std::nullopt;
}

bool same_prefix(const Address& a, const Address& b, unsigned bits) {
  if (a.bits != b.bits || bits > a.bits) {
    return false;
  }
  const unsigned whole = bits / 8;
  const unsigned rest = bits % 8;
  if (!std::equal(a.bytes.begin(), a.bytes.begin() + whole, b.bytes.begin())) {
    return false;
  }
  return rest == 0 || ((a.bytes[whole] ^ b.bytes[whole]) >> (8 - rest)) == 0;
}

template <typename Integer>
std::optional<Integer> parse_whole(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// A no_proxy entry cut into its parts; `port` is 0 when any will do.
struct Entry {
  std::string_view host;
  std::optional<unsigned> prefix_bits;
  std::uint16_t port = 0;
};

std::optional<Entry> parse_entry(std::string_view text) {
  text = base::trimmed(text);
  if (text.empty()) {
    return std::nullopt;
  }
  Entry entry{.host = text, .prefix_bits = std::nullopt, .port = 0};
  std::size_t colon = text.rfind(':');
  if (text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) {
      return std::nullopt;
    }
    entry.host = text.substr(1, close - 1);
    colon = close + 1 < text.size() && text[close + 1] == ':' ? close + 1 : std::string_view::npos;
  } else if (colon != std::string_view::npos && text.find(':') == colon) {
    entry.host = text.substr(0, colon);
  } else {
    colon = std::string_view::npos;  // an IPv6 address without brackets has no port
  }
  if (colon != std::string_view::npos) {
    const auto port = parse_whole<std::uint16_t>(text.substr(colon + 1));
    if (!port) {
      return std::nullopt;
    }
    entry.port = *port;
  }
  if (const std::size_t slash = entry.host.find('/'); slash != std::string_view::npos) {
    entry.prefix_bits = parse_whole<unsigned>(entry.host.substr(slash + 1));
    if (!entry.prefix_bits) {
      return std::nullopt;
    }
    entry.host = entry.host.substr(0, slash);
  }
  return entry;
}

bool matches_domain(std::string_view host, std::string_view domain) {
  const bool below_only = domain.front() == '.' || domain.substr(0, 2) == "*.";
  if (below_only) {
    domain.remove_prefix(domain.find('.') + 1);
  }
  if (domain.empty()) {
    return false;
  }
  if (host.size() == domain.size()) {
    return !below_only && base::same_ignoring_case(host, domain);
  }
  return host.size() > domain.size() && host[host.size() - domain.size() - 1] == '.' &&
         base::same_ignoring_case(host.substr(host.size() - domain.size()), domain);
}

std::string_view without_final_dot(std::string_view host) {
  return host.size() > 1 && host.back() == '.' ? host.substr(0, host.size() - 1) : host;
}

}  // namespace

bool bypasses_proxy(std::string_view host, std::uint16_t port,
                    const std::vector<std::string>& no_proxy) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  host = without_final_dot(host);
  const std::optional<Address> address = parse_address(host);
  return std::any_of(no_proxy.begin(), no_proxy.end(), [&](const std::string& text) {
    const std::optional<Entry> entry = parse_entry(text);
    if (!entry || (entry->port != 0 && entry->port != port)) {
      return false;
    }
    if (entry->host == "*") {
      return true;
    }
    if (const std::optional<Address> range = parse_address(entry->host)) {
      return address && same_prefix(*address, *range, entry->prefix_bits.value_or(range->bits));
    }
    const std::string_view domain = without_final_dot(entry->host);
    return !address && !entry->prefix_bits && !domain.empty() && matches_domain(host, domain);
  });
}

}  // namespace heapwatch::net
