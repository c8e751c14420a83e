// Runs a program and writes the CPU seconds that it and its children took: cpu_time FILE PROGRAM
// ARGS...
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstring>

extern char** environ;

namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fputs("usage: cpu_time FILE PROGRAM [ARGS...]\n", stderr);
    return 2;
  }
  pid_t child = 0;
  if (const int error =
          posix_spawnp(&child, arguments[2], nullptr, nullptr, arguments + 2, environ);
      error != 0) {
    std::fprintf(stderr, "cpu_time: cannot run %s: %s\n", arguments[2], std::strerror(error));
    return 127;
  }
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child) {
    std::perror("cpu_time: wait4");
    return 1;
  }
  std::FILE* const file = std::fopen(arguments[1], "w");
  if (file == nullptr) {
    std::perror(arguments[1]);
    return 1;
  }
  std::fprintf(file, "%.6f %ld\n", seconds(usage.ru_utime) + seconds(usage.ru_stime),
               usage.ru_maxrss);
  std::fclose(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
