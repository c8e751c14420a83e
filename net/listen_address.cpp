#include "net/listen_address.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <memory>

namespace heapwatch::net {

namespace {

using base::ErrorKind;
using base::fail;
using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

AddressList look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(port);
  if (getaddrinfo(host.empty() ? nullptr : host.c_str(), service.c_str(), &hints, &found) != 0) {
    found = nullptr;
  }
  return {found, &freeaddrinfo};
}

}  // namespace

bool ListenAddress::is_loopback() const {
  return numeric == "::1" || numeric.compare(0, 4, "127.") == 0;
}

base::Result<ListenAddress> parse_listen_address(std::string_view text) {
  const auto wrong = [&](const std::string& why) {
    return fail(ErrorKind::invalid, "\"" + std::string(text) + "\": " + why);
  };
  const std::string form = "not an address of the form HOST:PORT, [IPV6]:PORT or :PORT";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return wrong(form);
  }
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return wrong(form);
  }
  ListenAddress address;
  address.host = host;
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size()) {
    return wrong("the port is \"" + std::string(port) + "\", not a number from 0 to 65535");
  }
  if (host.empty()) {
    return address;
  }
  const AddressList all = look_up(address.host, address.port);
  const addrinfo* found = all.get();
  while (found != nullptr && found->ai_family != AF_INET && found->ai_next != nullptr) {
    found = found->ai_next;
  }
  std::array<char, NI_MAXHOST> numeric{};
  if (found == nullptr || getnameinfo(found->ai_addr, found->ai_addrlen, numeric.data(),
                                      numeric.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    return wrong("the host \"" + address.host + "\" does not resolve");
  }
  address.numeric = numeric.data();
  return address;
}

}  // namespace heapwatch::net
