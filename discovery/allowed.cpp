#include "discovery/allowed.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace heapwatch::discovery {

namespace {

constexpr unsigned ipv4_bits = 32;
constexpr unsigned ipv6_bits = 128;
/// What an IPv4 address has before it among those of IPv6.
constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = failure == std::errc{} && end == text.data() + text.size();
  return is_whole && !text.empty() ? std::optional(number) : std::nullopt;
}

tl::unexpected<base::Error> wrong(std::string_view entry) {
  return base::fail(base::ErrorKind::invalid,
                    "\"" + std::string(entry) +
                        "\" is no host: HOST, .DOMAIN, an address, each with :PORT if need be, or "
                        "a range such as 10.0.0.0/8");
}

bool is_host_name(std::string_view name) {
  return !name.empty() && name != "." && std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 &&
           std::string_view("/?#@[]:\\*\x7f").find(c) == std::string_view::npos;
  });
}

}  // namespace

std::optional<AllowedTargets::Address> AllowedTargets::parse(std::string_view text, bool& is_ipv4) {
  const std::string whole(text);
  Address address{};
  is_ipv4 = false;
  if (inet_pton(AF_INET6, whole.c_str(), address.data()) == 1) {
    is_ipv4 = std::equal(mapped_prefix.begin(), mapped_prefix.end(), address.begin());
    return address;
  }
  if (inet_pton(AF_INET, whole.c_str(), address.data() + mapped_prefix.size()) == 1) {
    std::copy(mapped_prefix.begin(), mapped_prefix.end(), address.begin());
    is_ipv4 = true;
    return address;
  }
  return std::nullopt;
}

bool AllowedTargets::is_in(const Address& address, const Range& range) {
  constexpr unsigned bits_of_byte = 8;
  const unsigned whole_bytes = range.bits / bits_of_byte;
  for (unsigned i = 0; i < whole_bytes; ++i) {
    if (address.at(i) != range.address.at(i)) {
      return false;
    }
  }
  const unsigned rest = range.bits % bits_of_byte;
  const auto mask = static_cast<unsigned>(0xffU << (bits_of_byte - rest)) & 0xffU;
  return rest == 0 || (address.at(whole_bytes) & mask) == (range.address.at(whole_bytes) & mask);
}

base::Result<void> AllowedTargets::add_range(std::string_view address, std::string_view bits,
                                             std::string_view entry) {
  Range range;
  const auto parsed = parse(address, range.is_ipv4);
  const auto number = whole_number<unsigned>(bits);
  const bool is_short = address.find(':') == std::string_view::npos;  // 10.0.0.0/8
  if (!parsed || !number || *number > (is_short ? ipv4_bits : ipv6_bits)) {
    return wrong(entry);
  }
  range.address = *parsed;
  range.bits = is_short ? *number + (ipv6_bits - ipv4_bits) : *number;
  range.is_ipv4 = range.is_ipv4 && range.bits >= ipv6_bits - ipv4_bits;
  ranges_.push_back(range);
  return {};
}

base::Result<void> AllowedTargets::add(std::string_view entry) {
  if (const std::size_t slash = entry.find('/'); slash != std::string_view::npos) {
    return add_range(entry.substr(0, slash), entry.substr(slash + 1), entry);
  }
  std::string_view host = entry;
  std::uint16_t port = 0;
  const std::size_t colon = entry.rfind(':');
  const bool has_brackets = entry.starts_with('[') && entry.find(']') != std::string_view::npos;
  const bool is_bare_ipv6 = !has_brackets && colon != entry.find(':');
  if (colon != std::string_view::npos && !is_bare_ipv6 && !entry.ends_with(']')) {
    const auto number = whole_number<std::uint16_t>(entry.substr(colon + 1));
    if (!number || *number == 0) {
      return wrong(entry);
    }
    port = *number;
    host = entry.substr(0, colon);
  }
  if (has_brackets) {
    if (!host.ends_with(']')) {
      return wrong(entry);
    }
    host = host.substr(1, host.size() - 2);
  }
  Range one{.address = {}, .is_ipv4 = false, .bits = ipv6_bits, .port = port};
  if (const auto address = parse(host, one.is_ipv4)) {
    one.address = *address;
    ranges_.push_back(one);
    return {};
  }
  if (has_brackets || !is_host_name(host)) {
    return wrong(entry);
  }
  names_.push_back({.name = base::ascii_lower(host), .port = port});
  return {};
}

bool AllowedTargets::allows(std::string_view host, std::uint16_t port) const {
  bool is_ipv4 = false;
  if (const auto address = parse(host, is_ipv4)) {
    return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
      return range.is_ipv4 == is_ipv4 && (range.port == 0 || range.port == port) &&
             is_in(*address, range);
    });
  }
  return std::any_of(names_.begin(), names_.end(), [&](const Name& name) {
    const bool is_named = name.name.front() == '.'
                              ? host.size() > name.name.size() && host.ends_with(name.name)
                              : host == name.name;
    return is_named && (name.port == 0 || name.port == port);
  });
}

std::optional<AllowedTargets> read_allowed(config::Section& section, std::string_view key) {
  const auto entries = section.texts(key);
  if (!entries) {
    return std::nullopt;
  }
  if (entries->size() > allowed_entries_max) {
    section.error(key, section.name_of(key) + " has more than " +
                           std::to_string(allowed_entries_max) + " entries");
    return std::nullopt;
  }
  AllowedTargets allowed;
  for (const std::string& entry : *entries) {
    if (auto added = allowed.add(entry); !added) {
      section.error(key, section.name_of(key) + ": " + added.error().message);
      return std::nullopt;
    }
  }
  return allowed;
}

}  // namespace heapwatch::discovery
