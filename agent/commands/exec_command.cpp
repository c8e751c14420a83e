// `heapwatch exec`: runs a program with its native memory watched, serves its pages and reports at
// its end.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <string>

#include "agent/commands/commands.h"
#include "agent/commands/exec_switch.h"
#include "agent/commands/exec_watch.h"
#include "agent/commands/failure.h"
#include "agent/commands/watching.h"
#include "base/descriptor.h"
#include "memory/process/linked_allocator.h"

namespace heapwatch::agent::commands {

namespace {

/// Asked before the program starts, which may run for hours.
base::Result<void> can_be_written(const std::string& report) {
  struct stat status {};
  const bool is_new = stat(report.c_str(), &status) != 0;
  if (!is_new && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    return {};  // opening a pipe would wait for its reader
  }
  const base::Descriptor file(open(report.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
  if (!file) {
    return base::fail(base::ErrorKind::io, "cannot write " + report + ": " + std::strerror(errno));
  }
  if (is_new) {
    unlink(report.c_str());
  }
  return {};
}

}  // namespace

int exec_program(const ExecOptions& options) {
  if (options.on != 0 || options.off != 0) {
    return switch_accounting(options);
  }
  if (options.program.empty()) {
    return fail_with("exec needs a program after --, or --on or --off with a process");
  }
  const auto watching = prepare_watching(options.program[0]);
  if (!watching) {
    return fail_with(watching.error().message);
  }
  for (const std::string& file : {options.report, options.flame}) {
    if (const auto writable = file.empty() ? base::Result<void>{} : can_be_written(file);
        !writable) {
      return fail_with(writable.error().message);
    }
  }
  const auto start = prepare_start();
  if (!start) {
    return fail_with(start.error().message);
  }
  process::ForegroundProgram& program = *start->program;
  memory::native::WatchedProcesses& processes = *start->processes;
  Watch watch(options, processes, watching->why_not);
  if (const auto listening = watch.listen(); !listening) {
    return fail_with(listening.error().message);
  }
  if (!watching->why_not.empty()) {
    // Before the program writes to the same terminal.
    std::cerr << "heapwatch: the memory of " + options.program[0] + " is not seen: it " +
                     std::string(watching->why_not) + '\n';
  } else if (const std::string not_seen =
                 not_seen_of(memory::process::linked_allocator(watching->file), options.program[0]);
             !not_seen.empty()) {
    std::cerr << "heapwatch: " + not_seen + '\n';
  }
  const auto started = program.start(
      options.program, watched_environment(*watching, processes.socket_path(),
                                           {.sample_interval = options.sample_interval,
                                            .dormant = options.dormant,
                                            .with_children = options.children != "none"}));
  if (!started) {
    fail_with(started.error().message);
    return started.error().status;
  }
  watch.set_program(*started);
  const int status = program.wait();
  watch.stop_serving();
  const std::string how = WIFSIGNALED(status)
                              ? "signal " + std::to_string(WTERMSIG(status))
                              : "exit status " + std::to_string(WEXITSTATUS(status));
  const bool reported = watch.report(how);
  if (WIFSIGNALED(status)) {
    return 128 + WTERMSIG(status);
  }
  return WEXITSTATUS(status) == 0 && !reported ? 1 : WEXITSTATUS(status);
}

}  // namespace heapwatch::agent::commands
