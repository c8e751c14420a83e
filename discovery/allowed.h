// Which hosts a source may name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/section.h"

namespace heapwatch::discovery {

/// HOST, .DOMAIN for every host below it, an address, a range of addresses (10.0.0.0/8, fd00::/8);
/// each but the range may end in :PORT. Nothing is resolved: a range allows addresses, and a name
/// is allowed by name alone, whatever it leads to.
class AllowedTargets {
 public:
  /// Errors: invalid.
  [[nodiscard]] base::Result<void> add(std::string_view entry);
  /// `host`: lower case, an IPv6 address without brackets.
  [[nodiscard]] bool allows(std::string_view host, std::uint16_t port) const;

 private:
  /// IPv4 addresses are those that IPv6 has for them, ::ffff:a.b.c.d.
  using Address = std::array<std::uint8_t, 16>;
  struct Range {
    Address address{};
    bool is_ipv4 = false;
    unsigned bits = 0;
    std::uint16_t port = 0;  // 0: any
  };
  struct Name {
    std::string name;  // lower case; with a dot in front: all below
    std::uint16_t port = 0;
  };
  static std::optional<Address> parse(std::string_view text, bool& is_ipv4);
  [[nodiscard]] static bool is_in(const Address& address, const Range& range);
  base::Result<void> add_range(std::string_view address, std::string_view bits,
                               std::string_view entry);

  std::vector<Range> ranges_;
  std::vector<Name> names_;
};

inline constexpr std::size_t allowed_entries_max = 1000;

/// Absent when the key is, and when it is wrong, which the diagnostics then hold. An empty list
/// allows nothing.
[[nodiscard]] std::optional<AllowedTargets> read_allowed(config::Section& section,
                                                         std::string_view key);

}  // namespace heapwatch::discovery
