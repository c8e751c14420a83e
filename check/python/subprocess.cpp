#include "check/python/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/descriptor.h"

namespace heapwatch::check::python {

namespace {

class SpawnSettings {
 public:
  SpawnSettings(int output, int errors, pid_t group) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, errors, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes_, &none);
    sigset_t ignored;
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes_, &ignored);
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (group != 0) {
      posix_spawnattr_setpgroup(&attributes_, group);
      flags |= POSIX_SPAWN_SETPGROUP;
    }
    posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> array;
  array.reserve(texts.size() + 1);
  for (const std::string& text : texts) {
    array.push_back(const_cast<char*>(text.c_str()));
  }
  array.push_back(nullptr);
  return array;
}

/// What one descriptor has now; false at its end.
bool take(int descriptor, std::string& text) {
  std::array<char, 65536> chunk{};
  const ssize_t got = read(descriptor, chunk.data(), chunk.size());
  if (got > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return got > 0 || (got < 0 && errno == EINTR);
}

/// Until both streams end; false when one is too long.
bool take_all(int output, int errors, CommandResult& result) {
  std::array<pollfd, 2> streams{pollfd{.fd = output, .events = POLLIN, .revents = 0},
                                pollfd{.fd = errors, .events = POLLIN, .revents = 0}};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    if (poll(streams.data(), streams.size(), -1) < 0 && errno != EINTR) {
      return true;
    }
    for (pollfd& stream : streams) {
      std::string& text = &stream == streams.data() ? result.output : result.errors;
      if (stream.fd >= 0 && stream.revents != 0 && !take(stream.fd, text)) {
        stream.fd = -1;
      }
      if (text.size() > command_output_bytes_max) {
        return false;
      }
    }
  }
  return true;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      return -1;
    }
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

base::Result<CommandResult> run_command(const Command& command) {
  auto output = base::make_pipe();
  auto errors = base::make_pipe();
  if (!output || !errors) {
    return base::fail(base::ErrorKind::io, std::string("cannot make a pipe: ") + strerror(errno));
  }
  const SpawnSettings settings(output->writer.get(), errors->writer.get(), command.group);
  const std::vector<char*> arguments = pointers(command.arguments);
  const std::vector<char*> environment =
      command.environment ? pointers(*command.environment) : std::vector<char*>{};
  pid_t child = 0;
  const int failure =
      posix_spawnp(&child, arguments[0], settings.actions(), settings.attributes(),
                   arguments.data(), command.environment ? environment.data() : ::environ);
  if (failure != 0) {
    return CommandResult{};
  }
  output->writer.reset();
  errors->writer.reset();
  CommandResult result;
  const bool bounded = take_all(output->reader.get(), errors->reader.get(), result);
  if (!bounded) {
    (void)kill(child, SIGKILL);
  }
  result.status = wait_for(child);
  if (!bounded) {
    return base::fail(base::ErrorKind::limit,
                      "the command \"" + command.arguments[0] + "\" printed more than " +
                          std::to_string(command_output_bytes_max) + " bytes");
  }
  return result;
}

}  // namespace heapwatch::check::python
