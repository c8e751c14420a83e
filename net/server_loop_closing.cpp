// When a server's loop closes a client: at its deadline, or to make room.
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "base/counted.h"
#include "base/log.h"
#include "net/server_loop.h"

namespace heapwatch::net {

namespace {

using Clock = ServerLoop::Clock;

constexpr std::chrono::milliseconds linger_timeout{1'000};
constexpr std::chrono::seconds between_logs{60};

}  // namespace

void ServerLoop::close(ServerConnection& connection) {
  if (connection.phase() == ServerPhase::sending) {
    connection.drop_unsent();
  }
  connections_.remove(connection);
}

void ServerLoop::keep_within_budget(ServerConnection& connection) {
  connections_.charge(connection);
  while (connections_.held_bytes() > options_.held_bytes_max) {
    ServerConnection* const slow = connections_.slowest(connection, now_);
    if (slow == nullptr) {
      return;  // what is left is this one, or with the workers
    }
    close_for_room(*slow, "requests and replies under way take more memory than they may");
  }
}

void ServerLoop::close_for_room(ServerConnection& connection, const char* what) {
  close(connection);
  ++closed_for_room_;
  if (logged_ == Clock::time_point{} || now_ - logged_ >= between_logs) {
    base::log(base::LogLevel::warn,
              "http server at " + options_.listen + ": " +
                  base::counted(std::exchange(closed_for_room_, 0), "connection") +
                  " closed to make room, the last since " + what);
    logged_ = now_;
  }
}

Clock::time_point ServerLoop::deadline_of(const ServerConnection& connection) const {
  const Clock::time_point whole =
      connection.exchange_began + connection.answered_in + options_.exchange_timeout;
  switch (connection.phase()) {
    case ServerPhase::idle:
      return connection.since() +
             (connection.shakes_hands() ? options_.request_timeout : options_.idle_timeout);
    case ServerPhase::head:
    case ServerPhase::body:
      return std::min(connection.since() + options_.request_timeout, whole);
    case ServerPhase::sending:
      return std::min(connection.progress() + options_.request_timeout, whole);
    case ServerPhase::lingering:
      return connection.since() + linger_timeout;
    default:
      return never;
  }
}

void ServerLoop::close_the_late() {
  while (ServerConnection* const connection = connections_.due(now_)) {
    const Clock::time_point deadline = deadline_of(*connection);
    if (deadline <= now_) {
      close(*connection);
    } else {
      connections_.set_deadline(*connection, deadline);  // bytes have moved since it was set
    }
  }
  if (accepts_again_ <= now_) {
    accepts_again_ = never;
    watch_listener(EPOLLIN);
  }
}

}  // namespace heapwatch::net
