// All clients of a server: how many of each peer, whose time is up, and who has to go when there
// are too many or their bytes take too much memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "net/server_connection.h"

namespace heapwatch::net {

/// Threads: one, the server's loop.
class ServerConnections {
 public:
  using Clock = ServerConnection::Clock;

  ServerConnection& add(base::OwnDescriptor socket, const ServerPeer& peer, Clock::time_point now);
  void remove(ServerConnection& connection);
  /// Null when it is gone.
  [[nodiscard]] ServerConnection* find(std::uint64_t id);
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  [[nodiscard]] std::size_t size_of(const ServerPeer& peer) const;

  void set_deadline(ServerConnection& connection, Clock::time_point deadline);
  [[nodiscard]] Clock::time_point next_deadline() const;
  /// One whose deadline is not after `now`; null when there is none.
  [[nodiscard]] ServerConnection* due(Clock::time_point now);

  /// Brings the sum up to what the connection holds now. The body of a reply that several get
  /// counts once.
  void charge(ServerConnection& connection);
  [[nodiscard]] std::size_t held_bytes() const { return held_bytes_; }

  /// The one to close for a newcomer: idle since longest, else longest at its head, else at its
  /// body or reply; of one peer, or of all. Null when all are being answered.
  [[nodiscard]] ServerConnection* dispensable(const std::optional<ServerPeer>& peer);
  /// The one that moves its bytes at the lowest rate, of those that hold memory; not `except`.
  [[nodiscard]] ServerConnection* slowest(const ServerConnection& except, Clock::time_point now);

 private:
  using Body = std::shared_ptr<const std::string>;
  void charge(ServerConnection& connection, std::size_t bytes, const Body& body);

  using Due = std::pair<Clock::time_point, std::uint64_t>;

  std::unordered_map<std::uint64_t, std::unique_ptr<ServerConnection>> all_;
  std::map<ServerPeer, std::size_t> peers_;
  std::set<Due> deadlines_;
  std::unordered_map<const std::string*, std::size_t> bodies_;  // with the number of holders
  std::size_t held_bytes_ = 0;
  std::uint64_t next_id_ = 1;
};

}  // namespace heapwatch::net
