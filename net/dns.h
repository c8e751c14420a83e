// Questions to the servers of DNS that the C library does not put into an address: SRV, MX and NS,
// and addresses with their time to live.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace heapwatch::net {

enum class DnsType : std::uint8_t { a, aaaa, srv, mx, ns };

struct DnsRecord {
  std::string target;      // an address (a, aaaa), or a name without the dot at its end
  std::uint16_t port = 0;  // of srv

  friend bool operator==(const DnsRecord&, const DnsRecord&) = default;
};

struct DnsAnswer {
  std::vector<DnsRecord> records;                    // none: no server knows of any
  std::optional<std::chrono::seconds> time_to_live;  // the shortest
};

inline constexpr std::size_t dns_answer_bytes_max = 65'535;

/// How often a server is asked, and for how long it is waited for.
inline constexpr int dns_tries = 2;
inline constexpr int dns_try_seconds = 2;

/// Where the servers of /etc/resolv.conf are not meant: ADDRESS or ADDRESS:PORT, of IPv4.
struct DnsServer {
  std::uint32_t address = 0;  // in the order of the network, as is the port
  std::uint16_t port = 0;
};
[[nodiscard]] std::optional<DnsServer> parse_dns_server(std::string_view text);

/// Names that do not end in a dot are completed by the domains of /etc/resolv.conf, which is read
/// each time. An answer that does not fit into a datagram comes over TCP.
///
/// Threads: any; blocks. Errors: timeout when no server has answered, or would; unreachable when
/// there is none; refused when servers could not answer; invalid for an answer that is none.
[[nodiscard]] base::Result<DnsAnswer> ask_dns(const std::string& name, DnsType type,
                                              const std::optional<DnsServer>& server);

}  // namespace heapwatch::net
