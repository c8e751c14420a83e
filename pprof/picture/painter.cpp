#include "pprof/picture/painter.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/descriptor.h"

namespace heapwatch::pprof::picture {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

/// Before each text that goes from one process to the other.
struct Head {
  std::uint64_t bytes = 0;
  std::int32_t failed_as = -1;  // the kind of an error, of which the text is the message
};

bool send_all(int socket, const char* bytes, std::size_t size) {
  while (size != 0) {
    const ssize_t sent = send(socket, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent <= 0) {
      return false;
    }
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool send_text(int socket, const Head& head, const std::string& text) {
  std::array<char, sizeof(Head)> bytes{};
  std::memcpy(bytes.data(), &head, sizeof(Head));
  return send_all(socket, bytes.data(), bytes.size()) && send_all(socket, text.data(), text.size());
}

bool read_exactly(int socket, char* to, std::size_t size) {
  while (size != 0) {
    const ssize_t got = read(socket, to, size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    to += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool receive(int socket, Head& head, std::string& text) {
  std::array<char, sizeof(Head)> bytes{};
  if (!read_exactly(socket, bytes.data(), bytes.size())) {
    return false;
  }
  std::memcpy(&head, bytes.data(), sizeof(Head));
  text.resize(head.bytes);
  return read_exactly(socket, text.data(), text.size());
}

/// The process between: draws what it is sent until nobody is there to send.
[[noreturn]] void serve(int socket, const DrawOptions& options) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    (void)signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, nullptr);
  Head head;
  std::string text;
  while (receive(socket, head, text)) {
    const Result<std::string> picture = draw(text, "svg", options);
    const std::string& answer = picture ? *picture : picture.error().message;
    const Head about{answer.size(), picture ? -1 : static_cast<std::int32_t>(picture.error().kind)};
    if (!send_text(socket, about, answer)) {
      break;
    }
  }
  _exit(0);
}

}  // namespace

Result<Painter> Painter::start(const DrawOptions& options) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(ErrorKind::io, std::strerror(errno));
  }
  std::fflush(nullptr);
  base::Descriptor ours(ends[0]);
  base::Descriptor theirs(ends[1]);
  const pid_t process = fork();
  if (process == 0) {
    ours.reset();
    serve(theirs.get(), options);
  }
  if (process < 0) {
    return fail(ErrorKind::io, std::string("cannot start a process: ") + std::strerror(errno));
  }
  return Painter(process, std::move(ours));
}

Painter::Painter(Painter&& other) noexcept
    : process_(std::exchange(other.process_, -1)), socket_(std::move(other.socket_)) {}

Painter::~Painter() {
  if (process_ < 0) {
    return;
  }
  stop();
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<std::string> Painter::draw(const std::string& dot) {
  const std::lock_guard lock(one_picture_);
  Head head;
  std::string text;
  if (!send_text(socket_.get(), {dot.size(), -1}, dot) || !receive(socket_.get(), head, text)) {
    return fail(ErrorKind::io, "the process that draws graphs has ended");
  }
  if (head.failed_as < 0) {
    return text;
  }
  return fail(static_cast<ErrorKind>(head.failed_as), std::move(text));
}

void Painter::stop() {
  // What it has started ends with it.
  (void)kill(process_, SIGKILL);
}

}  // namespace heapwatch::pprof::picture
