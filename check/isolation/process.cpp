#include "check/isolation/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <utility>

#include "base/log.h"

namespace heapwatch::check::isolation {

namespace {

using base::ErrorKind;
using base::fail;

constexpr int end_patience_ms = 1000;

/// Processes that were told to end, and are waited for when there is time.
class Ending {
 public:
  void add(pid_t pid) {
    const std::lock_guard lock(mutex_);
    pids_.push_back(pid);
    std::erase_if(pids_, [](pid_t one) { return waitpid(one, nullptr, WNOHANG) != 0; });
  }

 private:
  std::mutex mutex_;
  std::vector<pid_t> pids_;
};

Ending& ending() {
  static auto* const instance = new Ending;
  return *instance;
}

int spawn(const std::string& program, const std::vector<std::string>& arguments, int socket,
          int output, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, socket, conversation);
  posix_spawn_file_actions_addclosefrom_np(&actions, conversation + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) {
    sigaddset(&signals, number);
  }
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  const int failure =
      posix_spawn(&pid, program.c_str(), &actions, &attributes, pointers.data(), ::environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return failure;
}

/// "2026-01-31 12:00:00 UTC | WARN | text" as level and text.
std::optional<std::pair<base::LogLevel, std::string_view>> read_log_line(std::string_view line) {
  constexpr std::string_view before = " UTC | ";
  constexpr std::string_view between = " | ";
  constexpr std::size_t date_bytes = std::string_view("2026-01-31 12:00:00").size();
  if (line.size() < date_bytes || line.substr(date_bytes, before.size()) != before) {
    return std::nullopt;
  }
  line.remove_prefix(date_bytes + before.size());
  const std::size_t bar = line.find(between);
  const auto level = bar == line.npos ? std::nullopt : base::parse_log_level(line.substr(0, bar));
  return level ? std::optional(std::pair(*level, line.substr(bar + between.size()))) : std::nullopt;
}

tl::unexpected<base::Error> cannot_start(const std::string& why) {
  return fail(ErrorKind::io, "cannot start a process for the check: " + why);
}

int milliseconds_until(Process::Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, 3'600'000));
}

}  // namespace

base::Result<std::unique_ptr<Process>> Process::start(const std::string& program,
                                                      const std::vector<std::string>& arguments,
                                                      std::string name) {
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return cannot_start(std::strerror(errno));
  }
  base::OwnDescriptor socket(ends[0]);
  const base::Descriptor their_socket(ends[1]);
  auto output = base::make_pipe();
  if (!output) {
    return cannot_start(output.error().message);
  }
  pid_t pid = -1;
  if (const int failure = spawn(program, arguments, their_socket.get(), output->writer.get(), pid);
      failure != 0) {
    return cannot_start(std::strerror(failure));
  }
  base::OwnDescriptor printed(output->reader.release());
  for (const int ours : {socket.get(), printed.get()}) {
    (void)fcntl(ours, F_SETFL, O_NONBLOCK);
  }
  return std::unique_ptr<Process>(
      new Process(pid, std::move(socket), std::move(printed), std::move(name)));
}

Process::Process(pid_t pid, base::OwnDescriptor socket, base::OwnDescriptor output,
                 std::string name)
    : pid_(pid), socket_(std::move(socket)), output_(std::move(output)), name_(std::move(name)) {}

Process::~Process() {
  socket_.reset();
  output_.reset();
  if (pid_ > 0) {
    ending().add(pid_);
  }
}

void Process::kill_group() {
  if (pid_ > 0) {
    (void)kill(-pid_, SIGKILL);
    (void)kill(pid_, SIGKILL);
  }
}

base::Result<void> Process::send(const Message& message, Deadline deadline) {
  const auto bytes = encode(message);
  if (!bytes) {
    return tl::unexpected<base::Error>(bytes.error());
  }
  answered_bytes_ = 0;
  lines_ = 0;
  std::string_view left = *bytes;
  while (!left.empty()) {
    const ssize_t sent = ::send(socket_.get(), left.data(), left.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      left.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) {
      return tl::unexpected<base::Error>(how_it_ended());
    }
    pollfd ready{.fd = socket_.get(), .events = POLLOUT, .revents = 0};
    if (poll(&ready, 1, milliseconds_until(deadline)) == 0) {
      return fail(ErrorKind::timeout, "the process of the check does not read");
    }
  }
  return {};
}

base::Result<Message> Process::receive(Deadline deadline) {
  for (;;) {
    auto message = decoder_.next();
    if (!message) {
      return fail(message.error().kind, "the process of the check sent " + message.error().message);
    }
    if (*message) {
      return **std::move(message);
    }
    std::array<pollfd, 2> sources{pollfd{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = output_.get(), .events = POLLIN, .revents = 0}};
    const int left = milliseconds_until(deadline);
    const int ready = poll(sources.data(), sources.size(), left);
    if (left == 0 || ready == 0) {
      return fail(ErrorKind::timeout, "the process of the check did not answer in time");
    }
    if (sources[1].revents != 0) {
      take_output();
    }
    if (sources[0].revents != 0) {
      const auto more = take_bytes();
      if (!more) {
        return tl::unexpected<base::Error>(more.error());
      }
      if (!*more) {
        return tl::unexpected<base::Error>(how_it_ended());
      }
    }
  }
}

/// False at the end.
base::Result<bool> Process::take_bytes() {
  std::array<char, 65536> chunk{};
  const ssize_t got = ::read(socket_.get(), chunk.data(), chunk.size());
  if (got <= 0) {
    return got < 0 && (errno == EAGAIN || errno == EINTR);
  }
  answered_bytes_ += static_cast<std::size_t>(got);
  if (answered_bytes_ > answer_bytes_max) {
    return fail(ErrorKind::limit, "the process of the check sent more than " +
                                      std::to_string(answer_bytes_max) + " bytes in one run");
  }
  decoder_.add({chunk.data(), static_cast<std::size_t>(got)});
  return true;
}

void Process::take_output() {
  std::array<char, 16384> chunk{};
  const ssize_t got = ::read(output_.get(), chunk.data(), chunk.size());
  if (got <= 0) {
    if (got == 0) {
      output_.reset();
    }
    return;
  }
  for (const char c : std::string_view(chunk.data(), static_cast<std::size_t>(got))) {
    if (c == '\n') {
      pass_on(std::exchange(line_, {}));
    } else if (line_.size() < log_line_bytes_max) {
      line_ += c;
    }
  }
}

void Process::pass_on(std::string_view line) {
  if (line.empty() || ++lines_ > log_lines_max + 1) {
    return;
  }
  if (lines_ > log_lines_max) {
    base::log(base::LogLevel::warn, name_ + ": printed more than " + std::to_string(log_lines_max) +
                                        " lines in one run; the rest is dropped");
    return;
  }
  if (const auto logged = read_log_line(line)) {
    base::log(logged->first, logged->second);
    return;
  }
  last_line_ = line;
  base::log(base::LogLevel::info, name_ + ": " + std::string(line));
}

base::Error Process::how_it_ended() {
  int status = 0;
  pid_t ended = 0;
  for (int waited = 0; pid_ > 0 && waited < end_patience_ms; waited += 10) {
    ended = waitpid(pid_, &status, WNOHANG);
    if (ended != 0) {
      break;
    }
    (void)poll(nullptr, 0, 10);
  }
  while (output_) {
    pollfd ready{.fd = output_.get(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, 0) <= 0 || lines_ > log_lines_max) {
      break;
    }
    take_output();
  }
  std::string how = "the process of the check closed the conversation";
  if (ended == pid_ && pid_ > 0) {
    (void)kill(-pid_, SIGKILL);  // what it leaves behind
    pid_ = -1;
    how = WIFSIGNALED(status)
              ? "the process of the check was ended by " +
                    std::string(sigabbrev_np(WTERMSIG(status)) != nullptr
                                    ? std::string("SIG") + sigabbrev_np(WTERMSIG(status))
                                    : "signal " + std::to_string(WTERMSIG(status)))
              : "the process of the check ended with status " + std::to_string(WEXITSTATUS(status));
  }
  if (!last_line_.empty()) {
    how += "; it last printed: " + last_line_;
  }
  return {ErrorKind::unreachable, std::move(how)};
}

}  // namespace heapwatch::check::isolation
