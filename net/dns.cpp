#include "net/dns.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

namespace heapwatch::net {

namespace {

using base::ErrorKind;

/// The state of the C library's resolver: of one question, so that threads share none.
class Resolver {
 public:
  explicit Resolver(const std::optional<DnsServer>& server) : is_ready_(res_ninit(&state_) == 0) {
    if (!is_ready_) {
      return;
    }
    state_.retrans = dns_try_seconds;
    state_.retry = dns_tries;
    if (server) {
      state_.nscount = 1;
      sockaddr_in& only = state_.nsaddr_list[0];
      only = {};
      only.sin_family = AF_INET;
      only.sin_addr.s_addr = server->address;
      only.sin_port = server->port;
    }
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver() {
    if (is_ready_) {
      res_nclose(&state_);
    }
  }

  [[nodiscard]] bool is_ready() const { return is_ready_; }

  /// Bytes of the answer; less than zero: why() tells.
  int ask(const std::string& name, ns_type type, std::vector<unsigned char>& answer) {
    errno = 0;
    const int bytes = res_nsearch(&state_, name.c_str(), ns_c_in, type, answer.data(),
                                  static_cast<int>(answer.size()));
    number_ = errno;
    return bytes;
  }
  [[nodiscard]] int why() const { return state_.res_h_errno; }
  [[nodiscard]] int number() const { return number_; }

 private:
  struct __res_state state_ {};
  bool is_ready_ = false;
  int number_ = 0;
};

ns_type type_of(DnsType type) {
  constexpr std::array<ns_type, 5> types{ns_t_a, ns_t_aaaa, ns_t_srv, ns_t_mx, ns_t_ns};
  return types.at(static_cast<std::size_t>(type));
}

tl::unexpected<base::Error> no_answer(const std::string& name) {
  return base::fail(ErrorKind::invalid, name + ": what came from DNS is no answer");
}

/// The name that begins `skipped` bytes into the data of a record.
std::optional<std::string> name_in(const ns_msg& message, const ns_rr& record,
                                   std::size_t skipped) {
  std::array<char, NS_MAXDNAME> name{};
  if (ns_rr_rdlen(record) <= skipped ||
      dn_expand(ns_msg_base(message), ns_msg_end(message), ns_rr_rdata(record) + skipped,
                name.data(), static_cast<int>(name.size())) < 0) {
    return std::nullopt;
  }
  return std::string(name.data());
}

/// Absent: it is not as its type wants it.
std::optional<DnsRecord> read_record(const ns_msg& message, const ns_rr& record) {
  const unsigned char* const data = ns_rr_rdata(record);
  const std::size_t bytes = ns_rr_rdlen(record);
  std::size_t before_name = 0;
  DnsRecord made;
  switch (ns_rr_type(record)) {
    case ns_t_a:
    case ns_t_aaaa: {
      const bool is_short = ns_rr_type(record) == ns_t_a;
      std::array<char, INET6_ADDRSTRLEN> text{};
      if (bytes != (is_short ? NS_INADDRSZ : NS_IN6ADDRSZ) ||
          inet_ntop(is_short ? AF_INET : AF_INET6, data, text.data(), text.size()) == nullptr) {
        return std::nullopt;
      }
      made.target = text.data();
      return made;
    }
    case ns_t_srv:
      before_name = std::size_t{3} * NS_INT16SZ;  // priority, weight, port
      if (bytes <= before_name) {
        return std::nullopt;
      }
      made.port = static_cast<std::uint16_t>(ns_get16(data + std::size_t{2} * NS_INT16SZ));
      break;
    case ns_t_mx:
      before_name = NS_INT16SZ;  // preference
      break;
    default:
      break;
  }
  auto name = name_in(message, record, before_name);
  if (!name) {
    return std::nullopt;
  }
  made.target = *std::move(name);
  return made;
}

base::Result<DnsAnswer> read_answer(const std::string& name, ns_type type,
                                    const std::vector<unsigned char>& bytes, std::size_t size) {
  ns_msg message{};
  if (ns_initparse(bytes.data(), static_cast<int>(size), &message) != 0) {
    return no_answer(name);
  }
  DnsAnswer answer;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record{};
    if (ns_parserr(&message, ns_s_an, i, &record) != 0) {
      return no_answer(name);
    }
    if (ns_rr_type(record) != type || ns_rr_class(record) != ns_c_in) {
      continue;  // of a name that this one stands for, for example
    }
    auto made = read_record(message, record);
    if (!made) {
      return no_answer(name);
    }
    const std::chrono::seconds time_to_live(ns_rr_ttl(record));
    answer.time_to_live = std::min(answer.time_to_live.value_or(time_to_live), time_to_live);
    if (!made->target.empty()) {  // the root: there is no such service
      answer.records.push_back(*std::move(made));
    }
  }
  return answer;
}

base::Result<DnsAnswer> failure(const std::string& name, const Resolver& resolver) {
  switch (resolver.why()) {
    case HOST_NOT_FOUND:
    case NO_DATA:
      return DnsAnswer{};
    case TRY_AGAIN:
      if (resolver.number() == ECONNREFUSED) {
        return base::fail(ErrorKind::unreachable, name + ": no server of DNS is there to be asked");
      }
      if (resolver.number() == ETIMEDOUT) {
        return base::fail(ErrorKind::timeout,
                          name + ": no server of DNS has answered in time, or would");
      }
      return base::fail(ErrorKind::refused, name + ": no server of DNS could answer");
    default:
      return base::fail(ErrorKind::refused, name + ": no server of DNS would answer");
  }
}

}  // namespace

std::optional<DnsServer> parse_dns_server(std::string_view text) {
  DnsServer server{.address = 0, .port = htons(NS_DEFAULTPORT)};
  const std::size_t colon = text.find(':');
  const std::string host(text.substr(0, colon));
  if (colon != std::string_view::npos) {
    const std::string_view digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size() || port == 0) {
      return std::nullopt;
    }
    server.port = htons(port);
  }
  return inet_pton(AF_INET, host.c_str(), &server.address) == 1 ? std::optional(server)
                                                                : std::nullopt;
}

base::Result<DnsAnswer> ask_dns(const std::string& name, DnsType type,
                                const std::optional<DnsServer>& server) {
  Resolver resolver(server);
  if (!resolver.is_ready()) {
    return base::fail(ErrorKind::io, name + ": the resolver of the C library does not start");
  }
  std::vector<unsigned char> bytes(dns_answer_bytes_max);
  const int size = resolver.ask(name, type_of(type), bytes);
  if (size < 0) {
    return failure(name, resolver);
  }
  if (static_cast<std::size_t>(size) > bytes.size()) {
    return no_answer(name);
  }
  return read_answer(name, type_of(type), bytes, static_cast<std::size_t>(size));
}

}  // namespace heapwatch::net
