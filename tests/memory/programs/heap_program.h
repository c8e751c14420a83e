// heap_program, started and asked for what it tells.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "../../testing/subprocess.h"

namespace heapwatch::tests {

class HeapProgram {
 public:
  explicit HeapProgram(std::vector<std::string> arguments,
                       const std::string& program = HEAP_PROGRAM)
      : process_(with(program, std::move(arguments))) {
    for (std::string line = process_.read_line(); line != "ready"; line = process_.read_line()) {
      const std::size_t blank = line.find(' ');
      values_[line.substr(0, blank)] = std::stoull(line.substr(blank + 1));
    }
    const bool is_endless = values_.count("counted") != 0;
    if (!values_.empty() && !is_endless) {
      wait();
    }
  }
  /// Until no thread does anything.
  void wait() const {
    while (!all_wait()) {
      usleep(1000);
    }
  }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  [[nodiscard]] std::uint64_t operator[](const std::string& name) const { return values_.at(name); }

 private:
  static std::vector<std::string> with(const std::string& program,
                                       std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program);
    return arguments;
  }

  /// Whether each thread is in pause(), and so will not touch another page.
  [[nodiscard]] bool all_wait() const {
    const std::string tasks = "/proc/" + std::to_string(pid()) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      std::string call;
      std::ifstream(task.path() / "syscall") >> call;
      if (call != "34") {
        return false;
      }
    }
    return true;
  }

  Subprocess process_;
  std::map<std::string, std::uint64_t> values_;
};

}  // namespace heapwatch::tests
