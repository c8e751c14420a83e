#include "net/server_connections.h"

namespace heapwatch::net {

namespace {

constexpr auto never = ServerConnection::Clock::time_point::max();

/// The lower, the sooner it goes.
int worth(ServerPhase phase) {
  switch (phase) {
    case ServerPhase::idle:
    case ServerPhase::lingering:
      return 0;
    case ServerPhase::head:
      return 1;
    default:
      return 2;
  }
}

}  // namespace

ServerConnection& ServerConnections::add(base::OwnDescriptor socket, const ServerPeer& peer,
                                         Clock::time_point now) {
  const std::uint64_t id = next_id_++;
  auto made = std::make_unique<ServerConnection>(id, std::move(socket), peer, now);
  ServerConnection& connection = *made;
  all_.emplace(id, std::move(made));
  ++peers_[peer];
  return connection;
}

void ServerConnections::remove(ServerConnection& connection) {
  deadlines_.erase({connection.deadline, connection.id()});
  charge(connection, 0, nullptr);
  if (const auto peer = peers_.find(connection.peer()); --peer->second == 0) {
    peers_.erase(peer);
  }
  all_.erase(connection.id());
}

ServerConnection* ServerConnections::find(std::uint64_t id) {
  const auto found = all_.find(id);
  return found == all_.end() ? nullptr : found->second.get();
}

std::size_t ServerConnections::size_of(const ServerPeer& peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? 0 : found->second;
}

void ServerConnections::set_deadline(ServerConnection& connection, Clock::time_point deadline) {
  if (connection.deadline != deadline) {
    deadlines_.erase({connection.deadline, connection.id()});
    connection.deadline = deadline;
    if (deadline != never) {
      deadlines_.emplace(deadline, connection.id());
    }
  }
}

ServerConnections::Clock::time_point ServerConnections::next_deadline() const {
  return deadlines_.empty() ? never : deadlines_.begin()->first;
}

ServerConnection* ServerConnections::due(Clock::time_point now) {
  return deadlines_.empty() || deadlines_.begin()->first > now ? nullptr
                                                               : find(deadlines_.begin()->second);
}

void ServerConnections::charge(ServerConnection& connection) {
  charge(connection, connection.held_bytes(), connection.body());
}

void ServerConnections::charge(ServerConnection& connection, std::size_t bytes, const Body& body) {
  held_bytes_ += bytes;
  held_bytes_ -= std::exchange(connection.charged_bytes, bytes);
  if (body == connection.charged_body) {
    return;
  }
  if (body && ++bodies_[body.get()] == 1) {
    held_bytes_ += body->capacity();
  }
  const Body before = std::exchange(connection.charged_body, body);
  if (before && --bodies_[before.get()] == 0) {
    bodies_.erase(before.get());
    held_bytes_ -= before->capacity();
  }
}

ServerConnection* ServerConnections::dispensable(const std::optional<ServerPeer>& peer) {
  ServerConnection* best = nullptr;
  const auto key = [](const ServerConnection& connection) {
    return std::pair(worth(connection.phase()), connection.since());
  };
  for (const auto& [id, connection] : all_) {
    if (connection->phase() != ServerPhase::answering && (!peer || connection->peer() == *peer) &&
        (best == nullptr || key(*connection) < key(*best))) {
      best = connection.get();
    }
  }
  return best;
}

ServerConnection* ServerConnections::slowest(const ServerConnection& except,
                                             Clock::time_point now) {
  constexpr std::size_t worth_closing_bytes = 4096;
  ServerConnection* found = nullptr;
  double lowest = 0;
  for (const auto& [id, connection] : all_) {
    // What a worker has cannot be given back.
    if (connection.get() == &except || connection->phase() == ServerPhase::answering ||
        (!connection->charged_body && connection->charged_bytes < worth_closing_bytes)) {
      continue;
    }
    const double rate = connection->rate(now);
    if (found == nullptr || rate < lowest) {
      found = connection.get();
      lowest = rate;
    }
  }
  return found;
}

}  // namespace heapwatch::net
