#include "net/server_loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/counted.h"
#include "base/memory_reserve.h"

namespace heapwatch::net {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using Clock = ServerLoop::Clock;

constexpr std::uint64_t wake_tag = 0;

constexpr int events_in_a_turn = 256;
constexpr std::chrono::milliseconds deadlines_late_max{500};

std::size_t within_descriptors(std::size_t connections) {
  constexpr rlim_t share = 4;
  constexpr rlim_t least = 4;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return connections;
  }
  return std::min<std::size_t>(connections, std::max(limit.rlim_cur / share, least));
}

}  // namespace

Result<std::unique_ptr<ServerLoop>> ServerLoop::create(const ServerOptions& options,
                                                       ServerHandler handler,
                                                       ServerListener listener,
                                                       std::shared_ptr<const ServerAccess> access) {
  std::unique_ptr<ServerLoop> loop(
      new ServerLoop(options, std::move(handler), std::move(listener), std::move(access)));
  if (auto prepared = loop->prepare(); !prepared) {
    return tl::unexpected(prepared.error());
  }
  return loop;
}

ServerLoop::ServerLoop(const ServerOptions& options, ServerHandler handler, ServerListener listener,
                       std::shared_ptr<const ServerAccess> access)
    : options_(options),
      connections_max_(within_descriptors(std::max<std::size_t>(options.connections_max, 1))),
      access_(std::move(access)),
      listener_(std::move(listener)),
      pages_(options, std::move(handler),
             [this](const ServerPages::Job& job, const RenderedReply& reply) {
               const std::lock_guard lock(mutex_);
               deliver(job, reply);
               if (pages_.has_waiting()) {
                 changed_.notify_one();
               }
             }) {}

Result<void> ServerLoop::prepare() {
  epoll_ = base::OwnDescriptor(epoll_create1(EPOLL_CLOEXEC));
  wake_ = base::OwnDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  reserve_ = base::OwnDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
  epoll_event wake{};
  wake.events = EPOLLIN;
  wake.data.u64 = wake_tag;
  epoll_event listener{};
  listener.events = EPOLLIN;
  listener.data.u64 = listener_tag;
  if (!epoll_ || !wake_ || epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &wake) != 0 ||
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.descriptor(), &listener) != 0) {
    return fail(ErrorKind::io, options_.listen + ": cannot listen: " + std::strerror(errno));
  }
  return {};
}

void ServerLoop::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (pages_.has_waiting() && (is_led_ || resting_ > 0)) {
      make_a_page(lock);
    } else if (!is_led_) {
      lead(lock);
    } else {
      ++resting_;
      changed_.wait(lock);
      --resting_;
    }
  }
}

void ServerLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  const std::uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof one);
}

int ServerLoop::wait_ms() const {
  Clock::time_point next = std::min(connections_.next_deadline(), accepts_again_);
  if (pages_.under_way() > 0) {  // who gets one sets a deadline while we wait
    next = std::min(next, Clock::now() + deadlines_late_max);
  }
  if (next == never) {
    return -1;
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

void ServerLoop::lead(std::unique_lock<std::mutex>& lock) {
  is_led_ = true;
  const int timeout = wait_ms();
  std::array<epoll_event, events_in_a_turn> events;
  lock.unlock();
  const int count = epoll_wait(epoll_.get(), events.data(), events_in_a_turn, timeout);
  lock.lock();
  now_ = Clock::now();
  if (!stopping_) {
    serve_events(events.data(), count);
  }
  is_led_ = false;
}

void ServerLoop::make_a_page(std::unique_lock<std::mutex>& lock) {
  const ServerPages::Job job = pages_.take();
  if (!is_led_) {
    changed_.notify_one();
  }
  lock.unlock();
  const RenderedReply reply = pages_.make(job);
  lock.lock();
  deliver(job, reply);
}

void ServerLoop::serve_events(const epoll_event* events, int count) {
  bool has_clients = false;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[i];
    if (event.data.u64 == listener_tag) {
      has_clients = true;
    } else {
      as_memory_goes(event.data.u64,
                     [&](ServerConnection& connection) { serve(connection, event.events); });
    }
  }
  (void)base::within_memory([this] { close_the_late(); });
  if (has_clients) {  // after those who have been waiting
    (void)base::within_memory([this] { accept_some(); });
  }
}

/// A connection for which there is no memory is closed.
template <typename Work>
void ServerLoop::as_memory_goes(std::uint64_t id, const Work& work) {
  ServerConnection* const connection = connections_.find(id);
  if (connection == nullptr || base::within_memory([&] { work(*connection); })) {
    return;
  }
  if (ServerConnection* const left = connections_.find(id)) {
    close(*left);
  }
}

void ServerLoop::serve(ServerConnection& connection, std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    close(connection);
    return;
  }
  switch (connection.phase()) {
    case ServerPhase::idle:
    case ServerPhase::head:
    case ServerPhase::body:
      (void)receive(connection);
      break;
    case ServerPhase::answering:
      want(connection, 0);  // the next request waits where it is
      break;
    case ServerPhase::sending:
      (void)send_on(connection);
      break;
    case ServerPhase::lingering:
      if (!connection.discard()) {
        close(connection);
      }
      break;
  }
}

bool ServerLoop::receive(ServerConnection& connection) {
  const auto received = connection.receive(now_);
  if (received == ServerConnection::Received::nothing) {
    want(connection, connection.waits_to_write() ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return true;
  }
  if (received == ServerConnection::Received::failed) {
    close(connection);
    return false;
  }
  keep_within_budget(connection);
  if (!advance(connection)) {
    return false;
  }
  const ServerPhase phase = connection.phase();
  const bool is_waiting_for_more =
      phase == ServerPhase::idle || phase == ServerPhase::head || phase == ServerPhase::body;
  if (received == ServerConnection::Received::ended && is_waiting_for_more) {
    close(connection);
    return false;
  }
  return true;
}

/// Goes on with what has come.
bool ServerLoop::advance(ServerConnection& connection) {
  std::string& input = connection.input();
  if (connection.phase() == ServerPhase::idle && !input.empty()) {
    connection.exchange_began = now_;
    connection.answered_in = {};
    enter(connection, ServerPhase::head);
  }
  if (connection.phase() == ServerPhase::head) {
    const auto size = head_end(input, connection.looked_at);
    if (size.value_or(input.size()) > options_.request_bytes_max) {
      return refuse_with(
          connection, refusal_reply({431, "the request line and the headers are longer than " +
                                              base::counted(options_.request_bytes_max, "byte")}));
    }
    connection.looked_at = input.size();
    if (size) {
      return take_head(connection, *size);
    }
    if (!may_be_request(input)) {
      return refuse_with(connection, refusal_reply({400, "only HTTP is spoken here"}));
    }
  }
  if (connection.phase() == ServerPhase::body &&
      input.size() >= connection.request.content_length) {
    return dispatch(connection);
  }
  return true;
}

bool ServerLoop::take_head(ServerConnection& connection, std::size_t size) {
  std::string& input = connection.input();
  auto head = parse_request_head(std::string_view{input}.substr(0, size));
  input.erase(0, size);
  if (!head) {
    return refuse_with(connection, refusal_reply(head.error()));
  }
  connection.request = *std::move(head);
  const RequestHead& request = connection.request;
  if (auto refusal = refuse(request, {.is_loopback = listener_.is_loopback(),
                                      .body_bytes_max = options_.body_bytes_max})) {
    return refuse_with(connection, *std::move(refusal));
  }
  if (request.request.method != "POST" || request.content_length == 0) {
    return dispatch(connection);
  }
  enter(connection, ServerPhase::body);
  if (request.expects_continue && input.empty()) {
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    connection.tell(go_on);
  }
  return advance(connection);
}

bool ServerLoop::dispatch(ServerConnection& connection) {
  RequestHead& head = connection.request;
  const bool is_post = head.request.method == "POST";
  // A body that nobody wants would be taken for the next request. On a unix socket a connection
  // costs nothing.
  connection.closes = !head.keeps_alive || (!is_post && head.has_body()) || listener_.is_unix();
  if (is_post) {
    std::string& input = connection.input();
    const auto size = static_cast<std::size_t>(head.content_length);
    std::string rest_of_input = input.substr(size);
    input.resize(size);
    head.request.body = std::exchange(input, std::move(rest_of_input));
  }
  enter(connection, ServerPhase::answering);
  return pages_.ask_for(connection.id(), std::move(head.request)) ||
         refuse_with(connection,
                     refusal_reply({503,
                                    "as many requests that take long are being answered as "
                                    "may; try again when one has ended"}));
}

void ServerLoop::deliver(const ServerPages::Job& job, const RenderedReply& reply) {
  now_ = Clock::now();
  const auto send_to = [&](const ServerPages::Connections& connections, const RenderedReply& what) {
    for (const std::uint64_t id : connections) {
      as_memory_goes(id, [&](ServerConnection& connection) {
        connection.answered_in = now_ - connection.since();
        (void)send_reply(connection, what);
      });
    }
  };
  ServerPages::Connections refused;
  if (!pages_.finish(job, refused)) {
    RenderedReply refusal;
    (void)base::within_memory([&] {
      refusal = render({}, refusal_reply({503, "there is no thread to make the page"}));
    });
    send_to(refused, refusal);
  }
  send_to(job.connections, reply);
}

bool ServerLoop::refuse_with(ServerConnection& connection, ServerReply reply) {
  connection.closes = true;
  return send_reply(connection, render(connection.request.request, std::move(reply)));
}

bool ServerLoop::send_reply(ServerConnection& connection, const RenderedReply& reply) {
  connection.set_reply(reply);
  enter(connection, ServerPhase::sending);
  keep_within_budget(connection);
  return send_on(connection);
}

bool ServerLoop::send_on(ServerConnection& connection) {
  switch (connection.send(now_)) {
    case ServerConnection::Sent::all:
      return finish(connection);
    case ServerConnection::Sent::blocked:
      want(connection, EPOLLOUT);
      return true;
    default:
      close(connection);
      return false;
  }
}

/// The reply is sent.
bool ServerLoop::finish(ServerConnection& connection) {
  const bool closes = connection.closes_after_reply();
  connection.forget_exchange();
  want(connection, EPOLLIN);
  if (!closes) {
    connections_.charge(connection);
    enter(connection, ServerPhase::idle);
    return advance(connection);
  }
  connection.input().clear();
  connections_.charge(connection);
  enter(connection, ServerPhase::lingering);
  connection.say_goodbye();
  if (shutdown(connection.descriptor(), SHUT_WR) != 0 || !connection.discard()) {
    close(connection);
    return false;
  }
  return true;
}

void ServerLoop::enter(ServerConnection& connection, ServerPhase phase) {
  connection.enter(phase, now_);
  connections_.set_deadline(connection, deadline_of(connection));
}

void ServerLoop::want(ServerConnection& connection, std::uint32_t events) {
  if (connection.interest != events) {
    connection.interest = events;
    epoll_event event{};
    event.events = events;
    event.data.u64 = connection.id();
    (void)epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.descriptor(), &event);
  }
}

}  // namespace heapwatch::net
