// Host names to addresses without waiting for them.
#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "net/datagram.h"

namespace heapwatch::net {

namespace {

std::string endpoint_text(const addrinfo& entry) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getnameinfo(entry.ai_addr, entry.ai_addrlen, host.data(), host.size(), port.data(),
                    port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "?";
  }
  return entry.ai_family == AF_INET6 ? "[" + std::string(host.data()) + "]:" + port.data()
                                     : std::string(host.data()) + ":" + port.data();
}

Resolution::Answer look_up(const std::string& host, const std::string& port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (status != 0) {
    return base::fail(base::ErrorKind::not_found,
                      "host \"" + host + "\": " + ::gai_strerror(status));
  }
  std::vector<Endpoint> endpoints;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    endpoints.push_back(
        {std::string(reinterpret_cast<const char*>(entry->ai_addr), entry->ai_addrlen),
         endpoint_text(*entry)});
  }
  ::freeaddrinfo(found);
  return endpoints;
}

/// Addresses that need no look-up.
Resolution::Answer known_addresses(const std::string& host, const std::string& port) {
  if (host != "localhost") {
    return look_up(host, port, AI_NUMERICHOST);
  }
  Resolution::Answer both = look_up("127.0.0.1", port, AI_NUMERICHOST);
  if (const auto six = look_up("::1", port, AI_NUMERICHOST); both && six) {
    both->insert(both->end(), six->begin(), six->end());
  }
  return both;
}

}  // namespace

struct Resolution::State {
  std::mutex mutex;
  std::condition_variable arrived;
  std::optional<Answer> answer;

  void set(Answer value) {
    const std::lock_guard lock(mutex);
    answer = std::move(value);
    arrived.notify_all();
  }
};

Resolution::Resolution(const std::string& host, std::uint16_t port)
    : state_(std::make_shared<State>()) {
  const std::string service = std::to_string(port);
  if (auto known = known_addresses(host, service)) {
    state_->set(std::move(known));
    return;
  }
  try {
    // Detached: nothing can end a getaddrinfo() early, and nobody should wait for it.
    std::thread([state = state_, host, service]() noexcept {
      state->set(look_up(host, service, AI_ADDRCONFIG));
    }).detach();
  } catch (const std::system_error& error) {
    state_->set(
        base::fail(base::ErrorKind::io, std::string("no thread for a look-up: ") + error.what()));
  }
}

std::optional<Resolution::Answer> Resolution::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(state_->mutex);
  state_->arrived.wait_for(lock, timeout, [this] { return state_->answer.has_value(); });
  return state_->answer;
}

}  // namespace heapwatch::net
