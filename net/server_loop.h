// The event loop of an HTTP server.
//
// One thread at a time, the leader, reads requests and writes replies for all clients. So a client
// that is slow, or silent, or many, costs memory and descriptors and nobody's time, and both have
// limits. A page is made by the thread that has read its request: it wakes another one to lead in
// its place, makes the page and sends what the client takes at once. That spares a small page two
// changes of threads, and there is always one that leads: the last one leaves the page to those
// that are still at theirs. Pages that take long go to threads of their own.
//
// A connection goes through the phases of ServerPhase, each with a deadline of its own:
//
//     idle -> head -> [body] -> answering -> sending -> idle, or lingering and closed
//
// Of large pages there are few, however many want them: all who ask for a page while it is being
// made get the next one, and its bytes are held once for all of them.
//
// A lock holds for all that is known of clients; it is free while the leader waits for events and
// while pages are made. Who makes a page knows of the exchange nothing but its number: when the
// client is gone before the page is made, the page finds nobody and is dropped. Descriptors are
// opened and closed under the lock alone, so that none can change hands while it is used.
//
// Three things can run out. Connections: past their limits, per peer and in all, the one that has
// been idle longest makes room. Memory: past `held_bytes_max` the connections that move their bytes
// most slowly are closed, for a reader that is well takes a page within a second and is faster than
// any that hangs. Descriptors: when the system gives no more, an idle connection makes room;
// without one, the descriptor held in reserve lets the loop take the client in and turn it away,
// and accepting rests for a moment, since the listener would wake the loop again at once.
//
// Why not a library. Debian's civetweb has neither IPv6 nor unix sockets, and a thread per
// connection. libmicrohttpd 0.9.75 has both and an epoll loop, and hands requests to other threads.
// Tried with MHD_OPTION_STRICT_FOR_CLIENT it took two Content-Lengths, a length beside chunks, a
// space before the colon, folded lines, bare line feeds and control bytes, each with a 200. Its one
// timeout counts whole seconds without a byte, so a head at a byte per quarter second was never
// closed; deadlines, the shedding of idle connections and a limit on pending bytes would all need a
// list of connections beside its own and shutdown(2) behind its back. That is the larger half of
// this server.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "base/descriptor.h"
#include "net/server_access.h"
#include "net/server_connections.h"
#include "net/server_listener.h"
#include "net/server_options.h"
#include "net/server_pages.h"

struct epoll_event;

namespace heapwatch::net {

/// Threads: run() is for thread_count() of them at once; stop() may be called from any.
class ServerLoop {
 public:
  using Clock = ServerConnection::Clock;

  /// Of `access` only TLS is of the loop. Errors: io.
  [[nodiscard]] static base::Result<std::unique_ptr<ServerLoop>> create(
      const ServerOptions& options, ServerHandler handler, ServerListener listener,
      std::shared_ptr<const ServerAccess> access = nullptr);
  ServerLoop(const ServerLoop&) = delete;
  ServerLoop& operator=(const ServerLoop&) = delete;
  /// Waits for pages that are being made.
  ~ServerLoop() = default;

  /// Until stop().
  void run();
  /// Those that make pages, and one that leads meanwhile.
  [[nodiscard]] unsigned thread_count() const { return std::max(options_.threads, 1U) + 1; }
  void stop();

  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

 private:
  static constexpr std::uint64_t listener_tag = std::uint64_t{1}
                                                << 63U;  // connections count from 1

  ServerLoop(const ServerOptions& options, ServerHandler handler, ServerListener listener,
             std::shared_ptr<const ServerAccess> access);
  base::Result<void> prepare();
  void wake();
  void lead(std::unique_lock<std::mutex>& lock);
  void make_a_page(std::unique_lock<std::mutex>& lock);
  void serve_events(const epoll_event* events, int count);
  [[nodiscard]] int wait_ms() const;

  // New clients.
  void accept_some();
  void admit(base::OwnDescriptor socket, const ServerPeer& peer);
  bool make_room();
  void turn_away();
  void rest_from_accepting();
  void watch_listener(std::uint32_t events);

  // A client. Those that return a bool return false when they have closed the connection.
  void serve(ServerConnection& connection, std::uint32_t events);
  bool receive(ServerConnection& connection);
  bool advance(ServerConnection& connection);
  bool take_head(ServerConnection& connection, std::size_t size);
  bool dispatch(ServerConnection& connection);
  bool send_reply(ServerConnection& connection, const RenderedReply& reply);
  bool refuse_with(ServerConnection& connection, ServerReply reply);
  bool send_on(ServerConnection& connection);
  bool finish(ServerConnection& connection);
  void enter(ServerConnection& connection, ServerPhase phase);
  void want(ServerConnection& connection, std::uint32_t events);
  void close(ServerConnection& connection);
  /// Called with a connection that has more bytes than before.
  void keep_within_budget(ServerConnection& connection);
  void close_for_room(ServerConnection& connection, const char* what);

  [[nodiscard]] Clock::time_point deadline_of(const ServerConnection& connection) const;
  void close_the_late();

  template <typename Work>
  void as_memory_goes(std::uint64_t id, const Work& work);
  void deliver(const ServerPages::Job& job, const RenderedReply& reply);

  const ServerOptions options_;
  const std::size_t connections_max_;
  const std::shared_ptr<const ServerAccess> access_;  // whose TLS is spoken; null: plain
  ServerListener listener_;
  base::OwnDescriptor epoll_;
  base::OwnDescriptor wake_;     // an eventfd
  base::OwnDescriptor reserve_;  // given up to take in a client for whom there is no descriptor
  std::atomic<bool> stopping_{false};

  std::mutex mutex_;  // over all that follows
  std::condition_variable changed_;
  bool is_led_ = false;   // a thread waits for events, or serves them
  unsigned resting_ = 0;  // threads that wait for something to do
  Clock::time_point now_{};
  Clock::time_point accepts_again_ = Clock::time_point::max();  // while accepting rests
  ServerConnections connections_;
  std::uint64_t closed_for_room_ = 0;  // since the log last said so
  Clock::time_point logged_{};

  ServerPages pages_;  // last: its threads have ended before what they use goes
};

}  // namespace heapwatch::net
