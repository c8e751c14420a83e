// One client of a server: its socket, how far its exchange is, and the bytes of it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/descriptor.h"
#include "net/request_head.h"
#include "net/server_reply.h"
#include "net/tls.h"

struct sockaddr_storage;

namespace heapwatch::net {

/// Who a client is to the limits per peer: an IPv4 address, the first 64 bits of an IPv6 one (a
/// host has as many of the rest as it likes), or all who come over a unix socket.
using ServerPeer = std::array<std::uint8_t, 16>;
[[nodiscard]] ServerPeer peer_of(const sockaddr_storage& address);

enum class ServerPhase : std::uint8_t {
  idle,       // between two requests, or before the first
  head,       // of a request, is coming
  body,       // likewise
  answering,  // a worker makes the reply
  sending,    // the reply
  lingering,  // all is sent; what still comes is thrown away until the client closes, since a
              // socket closed with unread bytes takes the reply back from the client's system
};

/// Threads: one, the server's loop.
class ServerConnection {
 public:
  using Clock = std::chrono::steady_clock;

  ServerConnection(std::uint64_t id, base::OwnDescriptor socket, const ServerPeer& peer,
                   Clock::time_point now)
      : id_(id), socket_(std::move(socket)), peer_(peer), since_(now) {}

  /// From now on all goes over TLS.
  void use(std::unique_ptr<TlsSession> tls) { tls_ = std::move(tls); }
  /// Over TLS, and the hands are not shaken yet.
  [[nodiscard]] bool shakes_hands() const { return tls_ && !tls_->is_open(); }
  /// receive() needs room to write.
  [[nodiscard]] bool waits_to_write() const { return tls_ && tls_->waits_to_write(); }
  /// Sends what is short and may be lost: what the client is told while it sends a request.
  void tell(std::string_view bytes) const;
  /// Ends TLS, before the socket is closed.
  void say_goodbye() const;

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] const ServerPeer& peer() const { return peer_; }
  [[nodiscard]] ServerPhase phase() const { return phase_; }
  /// When the phase began.
  [[nodiscard]] Clock::time_point since() const { return since_; }
  /// When a byte was last moved in this phase.
  [[nodiscard]] Clock::time_point progress() const { return progress_; }
  void enter(ServerPhase phase, Clock::time_point now);

  /// Bytes per second of this phase.
  [[nodiscard]] double rate(Clock::time_point now) const;
  /// Memory that the bytes of the exchange take, without the reply's body.
  [[nodiscard]] std::size_t held_bytes() const;
  /// Null when there is none.
  [[nodiscard]] const std::shared_ptr<const std::string>& body() const { return body_; }

  enum class Received : std::uint8_t { some, nothing, ended, failed };
  /// Takes what has come, a part of it at a time, to the end of input().
  [[nodiscard]] Received receive(Clock::time_point now);
  /// Throws away what has come. False when the client has closed.
  [[nodiscard]] bool discard();
  [[nodiscard]] std::string& input() { return input_; }

  enum class Sent : std::uint8_t { all, blocked, failed };
  /// Sends on, a part of the reply at a time; `blocked` also where the next part has its turn.
  [[nodiscard]] Sent send(Clock::time_point now);
  void set_reply(const RenderedReply& reply);
  [[nodiscard]] bool closes_after_reply() const { return closes || input_ended_; }
  /// Has the system throw away what it has not sent yet when the socket closes, instead of keeping
  /// it in memory for as long as the client likes.
  void drop_unsent() const;
  /// Gives the memory of the exchange back, without what has come of the next one.
  void forget_exchange();

  // What the loop keeps with it.
  RequestHead request;                 // once its head is there
  std::size_t looked_at = 0;           // of the input, for the end of a head
  Clock::time_point exchange_began{};  // the first byte of the head
  Clock::duration answered_in{0};      // the worker's part of the exchange
  Clock::time_point deadline = Clock::time_point::max();
  std::uint32_t interest = 0;                       // events the system watches for
  bool closes = false;                              // after the reply; its head says so
  std::size_t charged_bytes = 0;                    // in the sum over all connections
  std::shared_ptr<const std::string> charged_body;  // likewise

 private:
  std::uint64_t id_;
  base::OwnDescriptor socket_;
  std::unique_ptr<TlsSession> tls_;  // null: plain
  ServerPeer peer_;
  ServerPhase phase_ = ServerPhase::idle;
  bool input_ended_ = false;
  Clock::time_point since_;
  Clock::time_point progress_ = since_;
  std::uint64_t moved_bytes_ = 0;
  std::string input_;
  std::string reply_head_;
  std::shared_ptr<const std::string> body_;
  std::size_t sent_bytes_ = 0;
};

}  // namespace heapwatch::net
