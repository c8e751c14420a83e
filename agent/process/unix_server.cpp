#include "agent/process/unix_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>

namespace heapwatch::agent::process {

namespace {

constexpr int connections_max = 16;
constexpr std::size_t request_bytes_max = 16384;
constexpr timeval patience{5, 0};

base::Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return base::fail(base::ErrorKind::invalid,
                      "unix:" + path + ": the path of a unix socket has 1 to " +
                          std::to_string(sizeof address.sun_path - 1) + " bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

bool is_stale(const sockaddr_un& address) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool refused =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno == ECONNREFUSED;
  close(probe);
  return refused;
}

bool send_all(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// The head of a request, to the empty line; empty when it does not come.
std::string read_head(int connection) {
  std::string head;
  char piece[2048];
  while (head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = recv(connection, piece, sizeof piece, 0);
    if (got <= 0 || head.size() > request_bytes_max) {
      return {};
    }
    head.append(piece, static_cast<std::size_t>(got));
  }
  return head;
}

net::ServerReply refusal(int status, const char* sentence) {
  return {.status = status, .body = std::string(sentence) + "\n"};
}

}  // namespace

base::Result<std::unique_ptr<UnixServer>> UnixServer::start(const std::string& path,
                                                            net::ServerHandler handler) {
  const auto address = address_of(path);
  if (!address) {
    return tl::unexpected(address.error());
  }
  std::unique_ptr<UnixServer> server(new UnixServer);
  server->handler_ = std::move(handler);
  server->listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  server->stop_ = eventfd(0, EFD_CLOEXEC);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&*address);
  const auto bind_privately = [&] {
    const mode_t before = umask(0177);
    const bool bound = bind(server->listener_, generic, sizeof *address) == 0;
    const int error = errno;
    umask(before);
    errno = error;
    return bound;
  };
  bool bound = bind_privately();
  if (!bound && errno == EADDRINUSE && is_stale(*address)) {
    unlink(path.c_str());
    bound = bind_privately();
  }
  if (!bound || listen(server->listener_, connections_max) != 0) {
    return base::fail(base::ErrorKind::io,
                      "cannot listen on unix:" + path + ": " + std::strerror(errno));
  }
  server->path_ = path;
  server->thread_ = std::thread([raw = server.get()] { raw->serve(); });
  return server;
}

UnixServer::~UnixServer() {
  const std::uint64_t one = 1;
  if (thread_.joinable() && write(stop_, &one, sizeof one) == sizeof one) {
    thread_.join();
  }
  while (open_.load() != 0) {  // the last thing an answering thread touches
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (!path_.empty()) {
    unlink(path_.c_str());
  }
  close(listener_);
  close(stop_);
}

void UnixServer::serve() {
  for (;;) {
    pollfd either[] = {{listener_, POLLIN, 0}, {stop_, POLLIN, 0}};
    if (poll(either, 2, -1) < 0 && errno != EINTR) {
      return;
    }
    if (either[1].revents != 0) {
      return;
    }
    const int connection =
        either[0].revents != 0 ? accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC) : -1;
    if (connection < 0) {
      continue;
    }
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (open_.load() >= connections_max) {
      close(connection);
      continue;
    }
    ++open_;
    std::thread([this, connection] {
      answer(connection);
      close(connection);
      --open_;
    }).detach();
  }
}

void UnixServer::answer(int connection) const {
  const std::string head = read_head(connection);
  const std::size_t first = head.find(' ');
  const std::size_t second = head.find(' ', first + 1);
  if (first == std::string::npos || second == std::string::npos) {
    return;
  }
  net::ServerRequest request;
  request.method = head.substr(0, first);
  const std::string target = head.substr(first + 1, second - first - 1);
  const std::size_t question = target.find('?');
  request.path = target.substr(0, question);
  request.query = question == std::string::npos ? "" : target.substr(question + 1);
  net::ServerReply reply;
  if (request.method != "GET" && request.method != "HEAD") {
    reply = refusal(405, "only GET and HEAD are served here");
  } else {
    try {
      reply = handler_(request);
    } catch (const std::exception& thrown) {
      reply = refusal(500, thrown.what());
    }
  }
  std::string answer = "HTTP/1.1 " + net::status_text(reply.status) +
                       "\r\nContent-Type: " + reply.content_type +
                       "\r\nContent-Length: " + std::to_string(reply.body.size()) +
                       "\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
  if (request.method == "GET") {
    answer += reply.body;
  }
  (void)send_all(connection, answer);
}

}  // namespace heapwatch::agent::process
