#include "exporters/dogstatsd/transport.h"

#include <algorithm>
#include <utility>

namespace heapwatch::exporters::dogstatsd {

namespace {

constexpr std::chrono::milliseconds first_resolution_wait{1000};

}  // namespace

Transport::Transport(TransportOptions options) : options_(std::move(options)) {}

void Transport::begin_flush() {
  attempted_ = false;
  if (is_udp()) {
    resolve();
  } else if (socket_ && net::socket_file(options_.address.path) != file_) {
    // A datagram socket would go on to write to the one that has no name any more.
    socket_.reset();
  }
  if (socket_) {
    if (const auto error = socket_->take_error()) {
      lose(*error);
    } else if (is_udp() && sent_ > 0) {
      enter(State::reachable);  // nobody refused what the last flush sent
    }
  }
  sent_ = 0;
  full_ = 0;
  if (!socket_) {
    connect();
  }
}

void Transport::end_flush() {
  if (sent_ > 0 && !is_udp()) {
    enter(State::reachable);
  } else if (sent_ == 0 && full_ > 0) {
    enter(State::stuck);
  }
}

Delivery Transport::send(std::string_view packet) {
  for (int attempt = 0; attempt < 2 && socket_; ++attempt) {
    const net::SendResult result = write(packet);
    switch (result.status) {
      case net::SendStatus::sent:
        ++sent_;
        stuck_ = false;
        return Delivery::sent;
      case net::SendStatus::full:
        ++full_;
        ++dropped_;
        stuck_ = true;
        return Delivery::full;
      case net::SendStatus::too_long:
        ++dropped_;
        return Delivery::failed;
      case net::SendStatus::broken:
        lose(result.reason);
        connect();
        break;
    }
  }
  ++dropped_;
  return Delivery::failed;
}

net::SendResult Transport::write(std::string_view packet) {
  // Who did not read during one whole timeout is not waited for with every packet.
  const auto timeout = stuck_ ? std::chrono::milliseconds{0} : options_.write_timeout;
  if (is_udp() || kind_ == net::UnixKind::datagram) {
    return socket_->send(packet, timeout);
  }
  frame_.clear();
  for (unsigned shift = 0; shift < 32; shift += 8) {
    frame_ += static_cast<char>((packet.size() >> shift) & 0xffU);
  }
  frame_ += packet;
  return socket_->send(frame_, timeout);
}

void Transport::resolve() {
  const auto now = options_.clock().steady;
  if (!resolution_ && (!resolve_again_ || now >= *resolve_again_)) {
    resolution_.emplace(options_.address.host, options_.address.port);
  }
  if (!resolution_) {
    return;
  }
  const auto patience = endpoints_.empty() ? first_resolution_wait : std::chrono::milliseconds{0};
  auto answer = resolution_->wait(patience);
  if (!answer) {
    return;
  }
  resolution_.reset();
  resolve_again_ = now + options_.resolve_interval;
  if (*answer) {
    take_endpoints(std::move(**answer));
  } else if (endpoints_.empty()) {
    resolve_again_ = now + options_.reconnect_interval;
    enter(State::unreachable, is_secret() ? "its host does not resolve" : answer->error().message);
  }
}

void Transport::take_endpoints(std::vector<net::Endpoint> endpoints) {
  const auto kept = endpoints_.empty()
                        ? endpoints.end()
                        : std::find(endpoints.begin(), endpoints.end(), endpoints_[endpoint_]);
  if (kept == endpoints.end()) {
    socket_.reset();
    endpoint_ = 0;
  } else {
    endpoint_ = static_cast<std::size_t>(kept - endpoints.begin());
  }
  endpoints_ = std::move(endpoints);
}

void Transport::connect() {
  const auto now = options_.clock().steady;
  const bool too_early = failed_at_ && now - *failed_at_ < options_.reconnect_interval;
  if (attempted_ || too_early || (is_udp() && endpoints_.empty())) {
    return;
  }
  attempted_ = true;
  auto connected = is_udp() ? connect_udp() : connect_unix();
  if (connected) {
    socket_ = std::move(*connected);
    failed_at_.reset();
  } else {
    failed_at_ = now;
    lose(connected.error().message);
  }
}

base::Result<net::ClientSocket> Transport::connect_udp() {
  auto connected = net::ClientSocket::connect_udp(endpoints_[endpoint_]);
  for (std::size_t others = endpoints_.size() - 1; !connected && others > 0; --others) {
    endpoint_ = (endpoint_ + 1) % endpoints_.size();
    connected = net::ClientSocket::connect_udp(endpoints_[endpoint_]);
  }
  return connected;
}

base::Result<net::ClientSocket> Transport::connect_unix() {
  const Address& address = options_.address;
  file_ = net::socket_file(address.path);  // before, so that a change in between is noticed
  kind_ = address.scheme == Address::Scheme::unixstream ? net::UnixKind::stream
                                                        : net::UnixKind::datagram;
  auto connected = net::ClientSocket::connect_unix(address.path, kind_);
  if (!connected && connected.error().kind == base::ErrorKind::invalid &&
      address.scheme == Address::Scheme::unix_any) {
    kind_ = net::UnixKind::stream;
    connected = net::ClientSocket::connect_unix(address.path, kind_);
  }
  return connected;
}

void Transport::lose(std::string_view reason) {
  socket_.reset();
  if (!is_udp()) {
    enter(State::unreachable, reason);
    return;
  }
  // The first refusal may be of a server that is back by now; after that, the host's next address.
  if (state_ == State::unreachable) {
    endpoint_ = (endpoint_ + 1) % endpoints_.size();
  }
  enter(State::unreachable,
        (is_secret() ? "" : endpoints_[endpoint_].text + ": ") + std::string(reason));
}

void Transport::enter(State state, std::string_view reason) {
  if (state == std::exchange(state_, state)) {
    return;
  }
  std::string message = "dogstatsd " + to_text(options_.address) + ": ";
  switch (state) {
    case State::unreachable:
      message += "not reachable, packets are dropped: " + std::string(reason);
      break;
    case State::stuck:
      message += "does not read, packets are dropped";
      break;
    case State::reachable:
    case State::unknown:
      message += "reachable; packets dropped: " + std::to_string(std::exchange(dropped_, 0));
      break;
  }
  options_.log(state == State::reachable ? base::LogLevel::info : base::LogLevel::warn, message);
}

}  // namespace heapwatch::exporters::dogstatsd
