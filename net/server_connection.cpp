#include "net/server_connection.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace heapwatch::net {

namespace {

constexpr std::size_t piece_bytes = std::size_t{16} * 1024;
/// What one client may have of a turn of the loop.
constexpr std::size_t received_in_a_turn_max = 4 * piece_bytes;
constexpr std::size_t sent_in_a_turn_max = std::size_t{1} << 20;

bool must_wait(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

}  // namespace

ServerPeer peer_of(const sockaddr_storage& address) {
  ServerPeer peer{};
  if (address.ss_family == AF_INET) {
    const auto& form = reinterpret_cast<const sockaddr_in&>(address);
    peer[10] = peer[11] = 0xff;  // as IPv6 writes it, whatever the socket's family
    std::memcpy(&peer[12], &form.sin_addr, sizeof form.sin_addr);
  } else if (address.ss_family == AF_INET6) {
    const auto& form = reinterpret_cast<const sockaddr_in6&>(address);
    constexpr std::size_t network_bytes = 8;
    const bool is_ipv4 = IN6_IS_ADDR_V4MAPPED(&form.sin6_addr);
    const bool is_loopback = IN6_IS_ADDR_LOOPBACK(&form.sin6_addr);
    std::memcpy(peer.data(), &form.sin6_addr, is_ipv4 || is_loopback ? peer.size() : network_bytes);
  }
  return peer;
}

void ServerConnection::enter(ServerPhase phase, Clock::time_point now) {
  phase_ = phase;
  since_ = now;
  progress_ = now;
  moved_bytes_ = 0;
}

double ServerConnection::rate(Clock::time_point now) const {
  const std::chrono::duration<double> age = now - since_ + std::chrono::milliseconds(1);
  return static_cast<double>(moved_bytes_) / age.count();
}

std::size_t ServerConnection::held_bytes() const {
  return request.request.body.capacity() + input_.capacity() + reply_head_.capacity();
}

ServerConnection::Received ServerConnection::receive(Clock::time_point now) {
  std::array<char, piece_bytes> piece;
  std::size_t received = 0;
  while (received < received_in_a_turn_max) {
    const ssize_t got = tls_ ? tls_->receive(piece.data(), piece.size())
                             : recv(descriptor(), piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0 && !must_wait(errno)) {
      return Received::failed;
    }
    if (got == 0) {
      input_ended_ = true;
      return Received::ended;
    }
    if (got < 0) {
      break;
    }
    input_.append(piece.data(), static_cast<std::size_t>(got));
    received += static_cast<std::size_t>(got);
    // Of TLS a record may be shorter than what has come.
    if (!tls_ && static_cast<std::size_t>(got) < piece.size()) {
      break;
    }
  }
  if (received == 0) {
    return Received::nothing;
  }
  progress_ = now;
  moved_bytes_ += received;
  return Received::some;
}

bool ServerConnection::discard() {
  std::array<char, piece_bytes> piece;
  for (std::size_t received = 0; received < received_in_a_turn_max;) {
    const ssize_t got = recv(descriptor(), piece.data(), piece.size(), 0);
    if (got > 0) {
      received += static_cast<std::size_t>(got);
    } else if (got == 0 || errno != EINTR) {
      return got < 0 && must_wait(errno);
    }
  }
  return true;
}

ServerConnection::Sent ServerConnection::send(Clock::time_point now) {
  const std::string_view body = body_ ? std::string_view{*body_} : std::string_view{};
  const std::size_t size = reply_head_.size() + body.size();
  for (std::size_t in_this_turn = 0; sent_bytes_ < size;) {
    if (in_this_turn >= sent_in_a_turn_max) {
      return Sent::blocked;
    }
    const std::size_t of_head = std::min(sent_bytes_, reply_head_.size());
    const std::size_t of_body = sent_bytes_ - of_head;
    std::array<iovec, 2> parts{iovec{reply_head_.data() + of_head, reply_head_.size() - of_head},
                               iovec{const_cast<char*>(body.data()) + of_body,
                                     std::min(body.size() - of_body, sent_in_a_turn_max)}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const iovec& next = parts[0].iov_len != 0 ? parts[0] : parts[1];
    const ssize_t sent = tls_ ? tls_->send(static_cast<const char*>(next.iov_base), next.iov_len)
                              : sendmsg(descriptor(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent < 0) {
      return must_wait(errno) ? Sent::blocked : Sent::failed;
    }
    sent_bytes_ += static_cast<std::size_t>(sent);
    in_this_turn += static_cast<std::size_t>(sent);
    moved_bytes_ += static_cast<std::size_t>(sent);
    progress_ = now;
  }
  return Sent::all;
}

void ServerConnection::tell(std::string_view bytes) const {
  if (tls_) {
    (void)tls_->send(bytes.data(), bytes.size());
  } else {
    (void)::send(descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
}

void ServerConnection::say_goodbye() const {
  if (tls_) {
    tls_->say_goodbye();
  }
}

void ServerConnection::set_reply(const RenderedReply& reply) {
  reply_head_.assign(reply.head).append(closing_lines(closes));
  body_ = reply.body;
  sent_bytes_ = 0;
}

void ServerConnection::drop_unsent() const {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void ServerConnection::forget_exchange() {
  constexpr std::size_t kept_bytes = 256;
  std::string().swap(reply_head_);
  body_ = nullptr;
  closes = false;
  request = {};
  looked_at = 0;
  if (input_.empty() && input_.capacity() > kept_bytes) {
    std::string().swap(input_);
  }
}

}  // namespace heapwatch::net
