// A program that a test starts, to attach to it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace heapwatch::tests {

class Target {
 public:
  /// Waits until it is ready.
  explicit Target(const std::string& program, const std::vector<std::string>& arguments) {
    std::array<int, 2> input{};
    std::array<int, 2> output{};
    if (pipe2(input.data(), O_CLOEXEC) != 0 || pipe2(output.data(), O_CLOEXEC) != 0) {
      ADD_FAILURE() << "no pipe";
      return;
    }
    std::vector<char*> words{const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) {
      words.push_back(const_cast<char*>(argument.c_str()));
    }
    words.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(input[0], 0);
      dup2(output[1], 1);
      execv(words[0], words.data());
      _exit(127);
    }
    close(input[0]);
    close(output[1]);
    input_ = input[1];
    output_ = output[0];
    EXPECT_EQ(line(), "ready");
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  ~Target() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      kill(pid_, SIGCONT);
      waitpid(pid_, nullptr, 0);
    }
    close_input();
    close(output_);
  }

  [[nodiscard]] int pid() const { return pid_; }

  /// What it says at its end: how many blocks it has checked; "" when it did not end well.
  std::string end() {
    close_input();
    std::string said = line();
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? said
               : "ended with status " + std::to_string(status);
  }

  std::string line() {
    std::string text;
    char byte = 0;
    while (read(output_, &byte, 1) == 1 && byte != '\n') {
      text += byte;
    }
    return text;
  }

 private:
  void close_input() {
    if (input_ >= 0) {
      close(std::exchange(input_, -1));
    }
  }

  int pid_ = 0;
  int input_ = -1;
  int output_ = -1;
};

}  // namespace heapwatch::tests
