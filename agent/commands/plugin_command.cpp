// `heapwatch plugin check`: whether a shared library fits the ABI of checks.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>

#include "agent/commands/commands.h"
#include "check/shared_library/library.h"

namespace heapwatch::agent::commands {

namespace {

/// Loading a library runs its code.
constexpr unsigned patience_seconds = 10;

int report(const std::string& file) {
  const auto library = check::shared_library::Library::open_file(file);
  if (!library) {
    std::cerr << "heapwatch: " << library.error().message << '\n';
    return 1;
  }
  std::cout << file << ": fits the ABI of shared-library checks\n  check:   " << library->name()
            << "\n  version: " << library->version() << "\n  exports: Run, Version\n";
  const auto folder = std::filesystem::absolute(file).parent_path();
  if (const auto place = check::shared_library::Library::check_folder(folder); !place) {
    std::cout << "  but from there heapwatch loads nothing: " << place.error().message << '\n';
  }
  return 0;
}

}  // namespace

int check_plugin(const std::string& file) {
  // In a process of its own: a library that crashes or hangs is an answer too.
  const pid_t child = fork();
  if (child < 0) {
    std::cerr << "heapwatch: cannot start a process: " << std::strerror(errno) << '\n';
    return 1;
  }
  if (child == 0) {
    alarm(patience_seconds);
    const int status = report(file);
    std::cout.flush();
    std::cerr.flush();
    _exit(status);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) {
    return WEXITSTATUS(status);
  }
  const int signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (signal_number == SIGALRM) {
    std::cerr << "heapwatch: " << file << ": loading it or its Version did not end within "
              << patience_seconds << " seconds\n";
  } else {
    const char* const name = sigabbrev_np(signal_number);
    std::cerr << "heapwatch: " << file << ": loading it or its Version ended with signal "
              << (name == nullptr ? "?" : name) << '\n';
  }
  return 1;
}

}  // namespace heapwatch::agent::commands
