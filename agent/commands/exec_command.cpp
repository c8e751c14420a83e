// `heapwatch exec`: runs a program with its native memory watched, serves its pages and reports at
// its end.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string_view>

#include "agent/commands/commands.h"
#include "agent/commands/exec_switch.h"
#include "agent/commands/exec_watch.h"
#include "agent/commands/failure.h"
#include "agent/process/foreground_program.h"
#include "base/descriptor.h"
#include "memory/native/watched_processes.h"
#include "memory/native/why_not_watched.h"
#include "preload/attach.h"
#include "preload/program_file.h"

namespace heapwatch::agent::commands {

namespace {

/// For programs whose allocator has an operator new of its own.
constexpr const char* operators_name = "libheapwatch_preload_operators.so";

/// Beside the program as it is installed, or as it is built.
base::Result<std::string> preload_library(const std::string& name) {
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::array places{here / ".." / "lib" / "heapwatch" / name, here / name,
                          here / ".." / "preload" / name};
  for (const std::filesystem::path& place : places) {
    std::error_code error;
    const std::filesystem::path found = std::filesystem::canonical(place, error);
    if (!error && found.string().find_first_of(" :") == std::string::npos) {
      return found.string();
    }
  }
  return base::fail(base::ErrorKind::not_found,
                    name + " is in none of " + places[0].string() + ", " + places[1].string() +
                        ", " + places[2].string() +
                        " (and its path may hold no blank and no colon)");
}

/// The value of an entry of the environment, when it is the one of that name.
std::optional<std::string_view> value_of(std::string_view entry, std::string_view name) {
  return entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '='
             ? std::optional(entry.substr(name.size() + 1))
             : std::nullopt;
}

/// What the program finds in its environment: ours, and what has it watched, unless it would not
/// run with that.
std::vector<std::string> program_environment(const ExecOptions& options, const std::string& library,
                                             const std::string& socket, bool is_watched) {
  std::vector<std::string> environment;
  std::string others;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view entry(*at);
    if (const auto value = value_of(entry, "LD_PRELOAD"); value && is_watched) {
      others = *value;
    } else if (!value_of(entry, preload::socket_variable) &&
               !value_of(entry, preload::interval_variable) &&
               !value_of(entry, preload::dormant_variable) &&
               !value_of(entry, preload::only_variable)) {
      environment.emplace_back(entry);
    }
  }
  if (is_watched) {
    environment.push_back("LD_PRELOAD=" + library + (others.empty() ? "" : ":" + others));
    environment.push_back(std::string(preload::socket_variable) + "=" + socket);
    environment.push_back(std::string(preload::interval_variable) + "=" +
                          std::to_string(options.sample_interval));
    if (options.dormant) {
      environment.push_back(std::string(preload::dormant_variable) + "=1");
    }
    if (options.children == "none") {
      environment.push_back(std::string(preload::only_variable) + "=" + std::to_string(getpid()));
    }
  }
  return environment;
}

/// What is to be known of the program and of what the user has loaded into it before it starts.
struct Target {
  preload::ProgramKind kind = preload::ProgramKind::watchable;
  bool brings_allocator = false;
};

Target examine(const std::string& program) {
  Target target;
  std::array<char, PATH_MAX> path{};
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment
  if (preload::find_program(program.c_str(), std::getenv("PATH"), path.data(), path.size())) {
    target = {preload::program_kind(path.data()), preload::brings_allocator(path.data())};
  }
  const char* const loaded = std::getenv("LD_PRELOAD");  // NOLINT(concurrency-mt-unsafe): likewise
  std::string_view rest = loaded == nullptr ? "" : loaded;
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find_first_of(" :"), rest.size());
    const std::string library(rest.substr(0, length));
    if (target.kind == preload::ProgramKind::watchable) {
      target.kind = preload::library_kind(library.c_str());
    }
    target.brings_allocator = target.brings_allocator || preload::is_allocator(library.c_str());
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  return target;
}

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
  auto library = preload_library(preload_library_name);
  if (!library) {
    return fail_with(library.error().message);
  }
  const Target target = examine(options.program[0]);
  if (target.brings_allocator) {
    const auto operators = preload_library(operators_name);
    if (!operators) {
      return fail_with(operators.error().message);
    }
    *library += ":" + *operators;
  }
  for (const std::string& file : {options.report, options.flame}) {
    if (const auto writable = file.empty() ? base::Result<void>{} : can_be_written(file);
        !writable) {
      return fail_with(writable.error().message);
    }
  }
  auto program = process::ForegroundProgram::prepare();
  if (!program) {
    return fail_with(program.error().message);
  }
  auto processes = memory::native::WatchedProcesses::start();
  if (!processes) {
    return fail_with(processes.error().message);
  }
  Watch watch(options, **processes, memory::native::why_not_watched(target.kind));
  if (const auto listening = watch.listen(); !listening) {
    return fail_with(listening.error().message);
  }
  const auto started = (*program)->start(
      options.program, program_environment(options, *library, (*processes)->socket_path(),
                                           preload::may_be_preloaded(target.kind)));
  if (!started) {
    fail_with(started.error().message);
    return started.error().status;
  }
  watch.set_program(*started);
  if (const std::string_view why_not = memory::native::why_not_watched(target.kind);
      !why_not.empty()) {
    // In one piece: the program writes to the same terminal.
    std::cerr << "heapwatch: the memory of " + options.program[0] + " is not seen: it " +
                     std::string(why_not) + '\n';
  }
  const int status = (*program)->wait();
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
