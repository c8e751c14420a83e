#include "agent/process/service_manager.h"

#include <unistd.h>

#include <ctime>

#include "base/number.h"
#include "net/datagram.h"

namespace heapwatch::agent::process {

namespace {

constexpr std::chrono::milliseconds patience{100};

std::optional<std::int64_t> integer(const std::optional<std::string>& text) {
  const auto number = text ? base::parse_number(*text) : std::nullopt;
  return number ? number->to_int64() : std::nullopt;
}

}  // namespace

ServiceManager::ServiceManager(const config::Environment& environment)
    : socket_(environment("NOTIFY_SOCKET").value_or("")) {
  const auto usec = integer(environment("WATCHDOG_USEC"));
  const auto pid = integer(environment("WATCHDOG_PID"));
  if (!socket_.empty() && usec && *usec > 0 && (!pid || *pid == getpid())) {
    watchdog_ = std::chrono::microseconds(*usec / 2);
  }
}

void ServiceManager::send(const std::string& message) const {
  if (socket_.empty()) {
    return;
  }
  if (auto socket = net::ClientSocket::connect_unix(socket_, net::UnixKind::datagram)) {
    (void)socket->send(message, patience);
  }
}

void ServiceManager::ready(std::string_view status) const {
  send("READY=1\nSTATUS=" + std::string(status) + "\n");
}

void ServiceManager::reloading() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  send("RELOADING=1\nMONOTONIC_USEC=" +
       std::to_string(std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000) + "\n");
}

void ServiceManager::stopping() const {
  send("STOPPING=1\n");
}

void ServiceManager::alive() const {
  send("WATCHDOG=1\n");
}

}  // namespace heapwatch::agent::process
