#include "config/secret_backend.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/counted.h"

namespace heapwatch::config {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  [[nodiscard]] int get() const { return number_; }
  void reset() {
    if (number_ >= 0) {
      ::close(std::exchange(number_, -1));
    }
  }

 private:
  int number_;
};

tl::unexpected<base::Error> failure(base::ErrorKind kind, const SecretsConfig& config,
                                    const std::string& what) {
  return base::fail(kind, config.command.string() + ": " + what);
}

tl::unexpected<base::Error> system_failure(const SecretsConfig& config, int number) {
  return failure(base::ErrorKind::io, config, std::strerror(number));
}

/// Nobody but its owner may have a say in what the program does.
base::Result<void> check_file(const SecretsConfig& config) {
  struct stat status {};
  if (!config.command.is_absolute()) {
    return failure(base::ErrorKind::invalid, config, "must be an absolute path");
  }
  if (::stat(config.command.c_str(), &status) != 0) {
    return system_failure(config, errno);
  }
  if (!S_ISREG(status.st_mode) || ::access(config.command.c_str(), X_OK) != 0) {
    return failure(base::ErrorKind::invalid, config, "is no file that can be executed");
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return failure(base::ErrorKind::invalid, config, "belongs to another user");
  }
  const mode_t forbidden = config.allow_group_exec ? S_IWGRP | S_IRWXO : S_IRWXG | S_IRWXO;
  if ((status.st_mode & forbidden) != 0) {
    return failure(base::ErrorKind::invalid, config,
                   config.allow_group_exec
                       ? "has rights for others, or write rights for its group (chmod 750)"
                       : "has rights for its group or others (chmod 700)");
  }
  return {};
}

/// A file in memory, so that writing it can neither block nor meet a closed pipe.
base::Result<Descriptor> input_file(const SecretsConfig& config, const std::string& text) {
  Descriptor file(::memfd_create("heapwatch-secrets", MFD_CLOEXEC));
  if (file.get() < 0) {
    return system_failure(config, errno);
  }
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t count = ::write(file.get(), text.data() + written, text.size() - written);
    if (count < 0) {
      return system_failure(config, errno);
    }
    written += static_cast<std::size_t>(count);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) {
    return system_failure(config, errno);
  }
  return file;
}

base::Result<pid_t> spawn(const SecretsConfig& config, int input, int output) {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> words{config.command.string()};
  words.insert(words.end(), config.arguments.begin(), config.arguments.end());
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int result = ::posix_spawn(&child, config.command.c_str(), &actions, &attributes,
                                   arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (result != 0) {
    return system_failure(config, result);
  }
  return child;
}

int milliseconds_until(SteadyTime deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

base::Result<std::string> read_output(const SecretsConfig& config, int output,
                                      SteadyTime deadline) {
  std::string text;
  std::array<char, 4096> chunk{};
  while (true) {
    pollfd waiting{output, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, milliseconds_until(deadline));
    if (ready == 0) {
      return failure(base::ErrorKind::timeout, config,
                     "no answer within " + std::to_string(config.timeout.count()) + " ms");
    }
    const ssize_t count = ready < 0 ? -1 : ::read(output, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return system_failure(config, errno);
    }
    if (count == 0) {
      return text;
    }
    text.append(chunk.data(), static_cast<std::size_t>(count));
    if (text.size() > config.output_bytes_max) {
      return failure(base::ErrorKind::limit, config,
                     "wrote more than secret_backend_output_max_size, " +
                         base::counted(config.output_bytes_max, "byte"));
    }
  }
}

/// The status of a child whose output has ended; absent when it still runs at the deadline.
std::optional<int> wait_for(pid_t child, SteadyTime deadline) {
  constexpr int pause_ms = 5;
  int status = 0;
  while (true) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) {
      return status;
    }
    if (ended < 0 && errno != EINTR) {
      return std::nullopt;
    }
    const int left = milliseconds_until(deadline);
    if (left == 0) {
      return std::nullopt;
    }
    ::poll(nullptr, 0, std::min(left, pause_ms));
  }
}

void kill_group(pid_t child) {
  ::kill(-child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

base::Result<std::string> run_secret_backend(const SecretsConfig& config,
                                             const std::string& request) {
  if (const auto right = check_file(config); !right) {
    return tl::unexpected(right.error());
  }
  const auto input = input_file(config, request);
  if (!input) {
    return tl::unexpected(input.error());
  }
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return system_failure(config, errno);
  }
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  const auto child = spawn(config, input->get(), write_end.get());
  if (!child) {
    return tl::unexpected(child.error());
  }
  write_end.reset();
  const auto deadline = std::chrono::steady_clock::now() + config.timeout;
  auto text = read_output(config, read_end.get(), deadline);
  const auto status = text ? wait_for(*child, deadline) : std::nullopt;
  if (!status) {
    kill_group(*child);
    return text ? failure(base::ErrorKind::timeout, config,
                          "still runs after " + std::to_string(config.timeout.count()) + " ms")
                : std::move(text);
  }
  if (WIFSIGNALED(*status)) {
    return failure(base::ErrorKind::refused, config,
                   "ended by signal " + std::to_string(WTERMSIG(*status)));
  }
  if (WEXITSTATUS(*status) != 0) {
    return failure(base::ErrorKind::refused, config,
                   "ended with status " + std::to_string(WEXITSTATUS(*status)));
  }
  return text;
}

}  // namespace heapwatch::config
