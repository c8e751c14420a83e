#include "memory/native/watched_processes.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "preload/attach.h"

namespace heapwatch::memory::native {

namespace {

/// The file that a message brings; -1 without.
int receive_file(int connection, preload::Hello& hello) {
  iovec content{&hello, sizeof hello};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (got <= 0 || header == nullptr || header->cmsg_level != SOL_SOCKET ||
      header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) {
    return -1;
  }
  int file = -1;
  std::memcpy(&file, CMSG_DATA(header), sizeof file);
  if (got != sizeof hello || hello.version != preload::Hello::current_version) {
    close(file);
    return -1;
  }
  return file;
}

}  // namespace

base::Result<std::unique_ptr<WatchedProcesses>> WatchedProcesses::start() {
  std::unique_ptr<WatchedProcesses> processes(new WatchedProcesses);
  const char* const temporary = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe)
  std::string folder = std::string(temporary != nullptr && *temporary == '/' ? temporary : "/tmp") +
                       "/heapwatch-XXXXXX";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  constexpr std::string_view name = "/books";
  if (folder.size() + name.size() >= sizeof address.sun_path) {
    folder = "/tmp/heapwatch-XXXXXX";
  }
  if (mkdtemp(folder.data()) == nullptr) {
    return base::fail(base::ErrorKind::io,
                      "cannot make a folder " + folder + ": " + std::strerror(errno));
  }
  processes->folder_ = folder;
  processes->path_ = folder + std::string(name);
  std::memcpy(address.sun_path, processes->path_.data(), processes->path_.size());
  processes->listener_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  processes->stop_ = eventfd(0, EFD_CLOEXEC);
  if (bind(processes->listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
          0 ||
      listen(processes->listener_, SOMAXCONN) != 0) {
    return base::fail(base::ErrorKind::io,
                      "cannot listen on " + processes->path_ + ": " + std::strerror(errno));
  }
  processes->thread_ = std::thread([raw = processes.get()] { raw->serve(); });
  return processes;
}

WatchedProcesses::~WatchedProcesses() {
  stop();
  close(listener_);
  close(stop_);
  if (!path_.empty()) {
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }
}

void WatchedProcesses::stop() {
  const std::uint64_t one = 1;
  if (thread_.joinable() && write(stop_, &one, sizeof one) == sizeof one) {
    thread_.join();
  }
}

void WatchedProcesses::serve() {
  for (;;) {
    pollfd either[] = {{listener_, POLLIN, 0}, {stop_, POLLIN, 0}};
    if (poll(either, 2, -1) < 0 && errno != EINTR) {
      return;
    }
    if (either[0].revents != 0) {
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection >= 0) {
        take(connection);
        close(connection);
      }
    } else if (either[1].revents != 0) {
      return;
    }
  }
}

void WatchedProcesses::take(int connection) {
  constexpr timeval patience{2, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return;
  }
  preload::Hello hello{};
  const int file = receive_file(connection, hello);
  if (file < 0) {
    return;
  }
  auto opened =
      WatchedProcess::open(file, peer.pid, {hello.name, strnlen(hello.name, sizeof hello.name)});
  if (!opened) {
    base::log(base::LogLevel::warn, opened.error().message);
    return;
  }
  const std::lock_guard lock(mutex_);
  // A process that calls exec is a new program under the old number.
  std::erase_if(processes_, [&](const ProcessPtr& old) { return old->pid() == peer.pid; });
  processes_.push_back(*std::move(opened));
  if (processes_.size() > kept_max) {
    const auto ended = std::find_if(processes_.begin(), processes_.end(), [&](const auto& old) {
      return old->pid() != root_ && !old->is_alive();
    });
    if (ended != processes_.end()) {
      processes_.erase(ended);
      ++given_up_;
    }
  }
}

void WatchedProcesses::set_root(pid_t pid) {
  const std::lock_guard lock(mutex_);
  root_ = pid;
}

WatchedProcesses::ProcessPtr WatchedProcesses::find(pid_t pid) const {
  const std::lock_guard lock(mutex_);
  for (const ProcessPtr& process : processes_) {
    if (process->pid() == pid) {
      return process;
    }
  }
  return nullptr;
}

std::vector<WatchedProcesses::ProcessPtr> WatchedProcesses::all() const {
  const std::lock_guard lock(mutex_);
  return processes_;
}

std::uint64_t WatchedProcesses::given_up() const {
  const std::lock_guard lock(mutex_);
  return given_up_;
}

}  // namespace heapwatch::memory::native
