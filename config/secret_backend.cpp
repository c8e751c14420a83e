#include "config/secret_backend.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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
#include "base/descriptor.h"
#include "base/ownership.h"

namespace heapwatch::config {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

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
  if (const auto owned = base::open_owned(config.command); !owned) {
    return tl::unexpected(owned.error().kind == base::ErrorKind::refused
                              ? base::Error{base::ErrorKind::invalid,
                                            config.command.string() + ": " + owned.error().message}
                              : owned.error());
  }
  return {};
}

/// A file in memory, so that writing it can neither block nor meet a closed pipe.
base::Result<base::Descriptor> input_file(const SecretsConfig& config, const std::string& text) {
  base::Descriptor file(::memfd_create("heapwatch-secrets", MFD_CLOEXEC));
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

/// The descriptors of a child: its standard ones, and where it says why it could not begin.
struct ChildEnds {
  int input;
  int output;
  int complaints;
  int failure;
};

/// In the child, between fork and exec: calls of the system alone.
[[noreturn]] void become(char* const* words, const ChildEnds& ends, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() == parent) {
    for (int number = 1; number < NSIG; ++number) {
      (void)::signal(number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::dup2(ends.input, STDIN_FILENO) >= 0 && ::dup2(ends.output, STDOUT_FILENO) >= 0 &&
        ::dup2(ends.complaints, STDERR_FILENO) >= 0) {
      ::execve(words[0], words, environ);
    }
  }
  const int number = errno;
  (void)!::write(ends.failure, &number, sizeof number);
  ::_exit(127);
}

base::Result<base::Pipe> make_pipe(const SecretsConfig& config) {
  auto made = base::make_pipe();
  if (!made) {
    return system_failure(config, errno);
  }
  return made;
}

base::Result<pid_t> spawn(const SecretsConfig& config, int input, int output, int complaints) {
  auto failed = make_pipe(config);
  if (!failed) {
    return tl::unexpected(failed.error());
  }
  std::vector<std::string> words{config.command.string()};
  words.insert(words.end(), config.arguments.begin(), config.arguments.end());
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    return system_failure(config, errno);
  }
  if (child == 0) {
    become(arguments.data(), {input, output, complaints, failed->writer.get()}, parent);
  }
  failed->writer.reset();
  int number = 0;
  ssize_t count = 0;
  while ((count = ::read(failed->reader.get(), &number, sizeof number)) < 0 && errno == EINTR) {
  }
  if (count == sizeof number) {
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    return system_failure(config, number);
  }
  return child;
}

/// A child at work: what it writes, and how long it may go on.
class Run {
 public:
  Run(const SecretsConfig& config, pid_t child, int output, int complaints, bool (*told_to_stop)())
      : config_(config),
        child_(child),
        output_(output),
        complaints_(complaints),
        told_to_stop_(told_to_stop),
        deadline_(std::chrono::steady_clock::now() + config.timeout) {}

  /// Reads until its output ends, and waits for its end.
  void finish(SecretBackendAnswer& answer) {
    auto outcome = read_output(answer);
    if (outcome) {
      outcome = wait(answer);
    }
    if (!ended_) {
      ::kill(-child_, SIGKILL);
      while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    take_complaints(answer);
    if (outcome) {
      answer.output = answer.written;
    } else {
      answer.output = tl::unexpected(outcome.error());
    }
  }

 private:
  /// How often somebody who says stop is listened to, and an end is looked for.
  static constexpr std::chrono::milliseconds slice{10};

  /// Waits for something to read; false when there may be nothing yet.
  base::Result<bool> ready(const char* late) {
    if (told_to_stop_ != nullptr && told_to_stop_()) {
      return failure(base::ErrorKind::refused, config_, "ended, since heapwatch is told to stop");
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return failure(base::ErrorKind::timeout, config_,
                     late + std::to_string(config_.timeout.count()) + " ms");
    }
    std::array<pollfd, 2> waiting{{{output_, POLLIN, 0}, {complaints_, POLLIN, 0}}};
    const int count =
        ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min(left, slice).count()));
    if (count < 0 && errno != EINTR) {
      return system_failure(config_, errno);
    }
    return count > 0 && waiting[0].revents != 0;
  }

  base::Result<void> read_output(SecretBackendAnswer& answer) {
    std::array<char, 4096> chunk{};
    while (output_ >= 0) {
      const auto has_some = ready("no answer within ");
      if (!has_some) {
        return tl::unexpected(has_some.error());
      }
      take_complaints(answer);
      const ssize_t count = *has_some ? ::read(output_, chunk.data(), chunk.size()) : -1;
      if (count < 0 && *has_some && errno != EINTR) {
        return system_failure(config_, errno);
      }
      if (count == 0) {
        output_ = -1;  // poll() passes over it
      }
      answer.written.append(chunk.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
      if (answer.written.size() > config_.output_bytes_max) {
        return failure(base::ErrorKind::limit, config_,
                       "wrote more than secret_backend_output_max_size, " +
                           base::counted(config_.output_bytes_max, "byte"));
      }
    }
    return {};
  }

  base::Result<void> wait(SecretBackendAnswer& answer) {
    int status = 0;
    while (true) {
      const pid_t ended = ::waitpid(child_, &status, WNOHANG);
      if (ended == child_) {
        break;
      }
      if (ended < 0 && errno != EINTR) {
        return system_failure(config_, errno);
      }
      if (const auto go_on = ready("still runs after "); !go_on) {
        return tl::unexpected(go_on.error());
      }
      take_complaints(answer);
    }
    ended_ = true;
    if (WIFSIGNALED(status)) {
      return failure(base::ErrorKind::refused, config_,
                     "ended by signal " + std::to_string(WTERMSIG(status)));
    }
    if (WEXITSTATUS(status) != 0) {
      return failure(base::ErrorKind::refused, config_,
                     "ended with status " + std::to_string(WEXITSTATUS(status)));
    }
    return {};
  }

  /// What is there of it; a child of the child may keep it open for ever.
  void take_complaints(SecretBackendAnswer& answer) {
    std::array<char, 4096> chunk{};
    for (int reads = 0; complaints_ >= 0 && reads < 16; ++reads) {
      const ssize_t count = ::read(complaints_, chunk.data(), chunk.size());
      if (count == 0) {
        complaints_ = -1;
      }
      if (count <= 0) {
        return;
      }
      const std::size_t room = secret_complaint_bytes_max - answer.complaints.size();
      answer.complaints.append(chunk.data(), std::min(static_cast<std::size_t>(count), room));
    }
  }

  const SecretsConfig& config_;
  pid_t child_;
  int output_;
  int complaints_;  // does not block
  bool (*told_to_stop_)();
  SteadyTime deadline_;
  bool ended_ = false;
};

}  // namespace

SecretBackendAnswer run_secret_backend(const SecretsConfig& config, const std::string& request,
                                       bool (*told_to_stop)()) {
  const auto failed = [](const base::Error& error) {
    return SecretBackendAnswer{.output = tl::unexpected(error), .written = {}, .complaints = {}};
  };
  if (told_to_stop != nullptr && told_to_stop()) {
    return failed(
        failure(base::ErrorKind::refused, config, "not asked, since heapwatch is told to stop")
            .value());
  }
  if (const auto right = check_file(config); !right) {
    return failed(right.error());
  }
  const auto input = input_file(config, request);
  auto output = make_pipe(config);
  auto complaints = make_pipe(config);
  if (!input || !output || !complaints) {
    return failed(!input ? input.error() : !output ? output.error() : complaints.error());
  }
  ::fcntl(complaints->reader.get(), F_SETFL, O_NONBLOCK);
  const auto child = spawn(config, input->get(), output->writer.get(), complaints->writer.get());
  if (!child) {
    return failed(child.error());
  }
  output->writer.reset();
  complaints->writer.reset();
  SecretBackendAnswer answer;
  Run(config, *child, output->reader.get(), complaints->reader.get(), told_to_stop).finish(answer);
  return answer;
}

}  // namespace heapwatch::config
