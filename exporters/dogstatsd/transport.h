// Packets to one DogStatsD server, which may die, come back elsewhere, or stop reading.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "exporters/dogstatsd/address.h"
#include "net/datagram.h"

namespace heapwatch::exporters::dogstatsd {

enum class Delivery : std::uint8_t {
  sent,    // the system took it; for UDP that says nothing of the server
  full,    // the server does not read fast enough
  failed,  // there is no server, or it went away
};

struct TransportOptions {
  Address address;
  base::Clock clock = base::now;
  std::function<void(base::LogLevel, std::string_view)> log = base::log;
  /// How long a packet waits for a server that reads slowly; while it does not read at all, further
  /// packets do not wait.
  std::chrono::milliseconds write_timeout{100};
  std::chrono::milliseconds reconnect_interval{1000};  // after an attempt that failed
  std::chrono::seconds resolve_interval{30};           // host names are looked up again
};

/// Connects when there is something to send, and again when the connection broke, the path leads to
/// another socket, or the host has another address. Logs when the state of the server changes.
///
/// Threads: not safe. Packets are sent between begin_flush() and end_flush(); all three may wait,
/// send() for `write_timeout` and begin_flush() a second for the first look-up of a name.
class Transport {
 public:
  explicit Transport(TransportOptions options);

  void begin_flush();
  [[nodiscard]] Delivery send(std::string_view packet);
  void end_flush();

  /// Whether the last packets arrived, as far as one can tell.
  [[nodiscard]] bool reachable() const {
    return state_ != State::unreachable && state_ != State::stuck;
  }
  [[nodiscard]] bool is_udp() const { return options_.address.scheme == Address::Scheme::udp; }

 private:
  [[nodiscard]] bool is_secret() const { return !options_.address.shown_as.empty(); }

  enum class State : std::uint8_t { unknown, reachable, stuck, unreachable };

  void resolve();
  void take_endpoints(std::vector<net::Endpoint> endpoints);
  void connect();
  base::Result<net::ClientSocket> connect_udp();
  base::Result<net::ClientSocket> connect_unix();
  void lose(std::string_view reason);
  void enter(State state, std::string_view reason = {});
  net::SendResult write(std::string_view packet);

  TransportOptions options_;
  State state_ = State::unknown;
  std::optional<net::ClientSocket> socket_;
  net::UnixKind kind_ = net::UnixKind::datagram;
  std::optional<net::SocketFile> file_;  // that socket_ is connected to
  std::string frame_;

  std::vector<net::Endpoint> endpoints_;  // udp: what the host resolved to
  std::size_t endpoint_ = 0;              // the one in use
  std::optional<net::Resolution> resolution_;
  std::optional<std::chrono::steady_clock::time_point> resolve_again_;

  std::optional<std::chrono::steady_clock::time_point> failed_at_;  // the last attempt to connect
  bool attempted_ = false;                                          // to connect, in this flush
  bool stuck_ = false;                                              // the last packet found no room
  std::size_t sent_ = 0;                                            // packets of this flush
  std::size_t full_ = 0;                                            // packets of this flush
  std::uint64_t dropped_ = 0;  // packets since the server was last reachable
};

}  // namespace heapwatch::exporters::dogstatsd
