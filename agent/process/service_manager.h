// Tells the service manager (systemd) what the agent does, over the socket it gave us.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "config/check_config.h"

namespace heapwatch::agent::process {

/// Source: sd_notify(3). Without NOTIFY_SOCKET every call does nothing; a message that cannot be
/// sent is lost, for the manager has its own timeouts.
class ServiceManager {
 public:
  explicit ServiceManager(const config::Environment& environment = config::process_environment);

  void ready(std::string_view status) const;
  void reloading() const;
  void stopping() const;
  void alive() const;

  /// How often alive() is wanted; absent when nobody watches this process.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

 private:
  void send(const std::string& message) const;

  std::string socket_;
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace heapwatch::agent::process
