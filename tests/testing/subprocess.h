// A program that a test starts, talks with over its standard output, and ends.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace heapwatch::tests {

/// Errors: throws, which fails the test.
class Subprocess {
 public:
  explicit Subprocess(const std::vector<std::string>& command) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw std::runtime_error("pipe2 failed");
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::vector<char*> argv;
    argv.reserve(command.size() + 1);
    for (const std::string& argument : command) {
      argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    const int failed = posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    output_ = fdopen(ends[0], "r");
    if (failed != 0) {
      std::fclose(output_);
      throw std::runtime_error("cannot start " + command.front());
    }
  }
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;
  ~Subprocess() {
    std::fclose(output_);
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  /// Without the line end; throws when the program has ended.
  [[nodiscard]] std::string read_line() {
    std::string line;
    for (int c = std::fgetc(output_); c != '\n'; c = std::fgetc(output_)) {
      if (c == EOF) {
        throw std::runtime_error("the program ended after \"" + line + "\"");
      }
      line += static_cast<char>(c);
    }
    return line;
  }

  /// Its exit status, or -1 when a signal ended it.
  [[nodiscard]] int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  std::FILE* output_ = nullptr;
};

/// Runs `command` to its end; throws unless it succeeds.
inline void run(const std::vector<std::string>& command) {
  if (Subprocess(command).wait() != 0) {
    throw std::runtime_error(command.front() + " failed");
  }
}

}  // namespace heapwatch::tests
