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

/// A message, and the file that it brings; -1 without.
struct Message {
  union {
    preload::Hello hello;
    preload::Switch wanted;
  };
  std::size_t bytes = 0;
  int file = -1;

  Message() : hello{} {}
};

Message receive(int connection) {
  Message message;
  iovec content{&message.hello, std::max(sizeof message.hello, sizeof message.wanted)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = &content;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t got = recvmsg(connection, &header, MSG_CMSG_CLOEXEC);
  message.bytes = got > 0 ? static_cast<std::size_t>(got) : 0;
  const cmsghdr* const brought = CMSG_FIRSTHDR(&header);
  if (got > 0 && brought != nullptr && brought->cmsg_level == SOL_SOCKET &&
      brought->cmsg_type == SCM_RIGHTS && brought->cmsg_len == CMSG_LEN(sizeof(int))) {
    std::memcpy(&message.file, CMSG_DATA(brought), sizeof message.file);
  }
  return message;
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
    const int wait_ms = note_moments();
    std::vector<pollfd> all{{listener_, POLLIN, 0}, {stop_, POLLIN, 0}};
    {
      const std::lock_guard lock(mutex_);
      for (const auto& process : processes_) {
        if (process->descriptor() >= 0 && process->is_alive()) {
          all.push_back({process->descriptor(), POLLIN, 0});
        }
      }
    }
    if (poll(all.data(), all.size(), wait_ms) < 0 && errno != EINTR) {
      return;
    }
    if (all[0].revents != 0) {
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection >= 0) {
        take(connection);
        close(connection);
      }
    } else if (all[1].revents != 0) {
      return;
    }
  }
}

int WatchedProcesses::note_moments() {
  const std::lock_guard lock(mutex_);
  std::chrono::milliseconds next = std::chrono::hours(1);
  bool any = false;
  for (const auto& process : processes_) {
    if (const auto wait = process->note_moment(); wait > std::chrono::milliseconds(0)) {
      next = std::min(next, wait);
      any = true;
    }
  }
  return any ? static_cast<int>(next.count()) + 1 : -1;
}

void WatchedProcesses::take(int connection) {
  constexpr timeval patience{2, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return;
  }
  const Message message = receive(connection);
  if (message.file >= 0 && message.bytes == sizeof message.hello &&
      message.hello.version == preload::Hello::current_version) {
    add(message.file, peer.pid,
        {message.hello.name, strnlen(message.hello.name, sizeof message.hello.name)});
    return;
  }
  if (message.file >= 0) {
    close(message.file);
  } else if (message.bytes == sizeof message.wanted &&
             message.wanted.version == preload::Switch::current_version &&
             (peer.uid == 0 || peer.uid == geteuid())) {
    answer(connection, message.wanted);
  }
}

void WatchedProcesses::answer(int connection, const preload::Switch& wanted) {
  preload::Switched switched{0};
  {
    const std::lock_guard lock(mutex_);
    for (const auto& process : processes_) {
      if (process->pid() == wanted.process && process->switch_accounting(wanted.on != 0)) {
        switched.found = 1;
      }
    }
  }
  (void)send(connection, &switched, sizeof switched, MSG_NOSIGNAL);
}

void WatchedProcesses::add(int file, pid_t pid, std::string name) {
  auto opened = WatchedProcess::open(file, pid, std::move(name));
  if (!opened) {
    base::log(base::LogLevel::warn, opened.error().message);
    return;
  }
  const std::lock_guard lock(mutex_);
  // A process that calls exec is a new program under the old number.
  std::erase_if(processes_, [&](const auto& old) { return old->pid() == pid; });
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

void WatchedProcesses::adopt(std::unique_ptr<WatchedProcess> process) {
  const std::lock_guard lock(mutex_);
  processes_.push_back(std::move(process));
}

void WatchedProcesses::set_root(pid_t pid) {
  const std::lock_guard lock(mutex_);
  root_ = pid;
}

WatchedProcesses::ProcessPtr WatchedProcesses::find(pid_t pid) const {
  const std::lock_guard lock(mutex_);
  for (const auto& process : processes_) {
    if (process->pid() == pid) {
      return process;
    }
  }
  return nullptr;
}

std::vector<WatchedProcesses::ProcessPtr> WatchedProcesses::all() const {
  const std::lock_guard lock(mutex_);
  return {processes_.begin(), processes_.end()};
}

std::uint64_t WatchedProcesses::given_up() const {
  const std::lock_guard lock(mutex_);
  return given_up_;
}

}  // namespace heapwatch::memory::native
