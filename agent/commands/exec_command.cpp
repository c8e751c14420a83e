// `heapwatch exec`: runs a program with its native memory watched, serves its pages and reports at
// its end.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <optional>
#include <string_view>

#include "agent/commands/commands.h"
#include "agent/commands/failure.h"
#include "agent/commands/watching.h"
#include "agent/pages/native_pages.h"
#include "agent/process/foreground_program.h"
#include "base/counted.h"
#include "base/descriptor.h"
#include "base/file.h"
#include "base/json.h"
#include "base/query.h"
#include "memory/native/leak_summary.h"
#include "memory/native/watched_processes.h"
#include "net/routes.h"

namespace heapwatch::agent::commands {

namespace {

constexpr std::string_view unix_prefix = "unix:";

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

class Watch {
 public:
  Watch(const ExecOptions& options, memory::native::WatchedProcesses& processes,
        std::string_view why_not)
      : options_(options), processes_(processes), why_not_(why_not) {}

  base::Result<void> listen();
  void set_program(pid_t pid) {
    program_ = pid;
    processes_.set_root(pid);
  }
  void stop_serving() {
    heap_pages_.stop();
    server_.reset();
  }
  /// The profile of all processes into the file, and the summary of each to the terminal.
  bool report(const std::string& how);

 private:
  [[nodiscard]] net::ServerReply vars_page(const net::ServerRequest& request) const;
  [[nodiscard]] base::Result<memory::native::WatchedProcesses::ProcessPtr> chosen(
      const net::ServerRequest& request) const;
  [[nodiscard]] std::string vars(const memory::native::WatchedProcess& process) const;
  [[nodiscard]] memory::native::Plumbing plumbing() const {
    return options_.interpreter_frames ? memory::native::Plumbing::shown
                                       : memory::native::Plumbing::hidden;
  }

  const ExecOptions& options_;
  memory::native::WatchedProcesses& processes_;
  std::string_view why_not_;  // the program is not watched; empty: it should be
  std::atomic<pid_t> program_{0};
  pages::HeapPages heap_pages_{
      [this](const net::ServerRequest& request) -> base::Result<memory::native::NativeHeap> {
        const auto process = chosen(request);
        return process ? base::Result<memory::native::NativeHeap>((*process)->heap(plumbing()))
                       : tl::unexpected(process.error());
      }};
  std::unique_ptr<net::HttpServer> server_;
};

base::Result<void> Watch::listen() {
  const std::string& listen = options_.listen;
  if (listen.empty()) {
    return {};
  }
  std::vector<net::Route> routes{
      {.path = "/debug/vars",
       .help = "The counters of the program and its processes, as expvars",
       .handler = [this](const net::ServerRequest& request) { return vars_page(request); }}};
  std::vector<net::Route> heap = heap_pages_.routes();
  std::move(heap.begin(), heap.end(), std::back_inserter(routes));
  const net::Routes pages(std::move(routes));
  auto server = net::HttpServer::start(
      pages.options(listen),
      [pages](const net::ServerRequest& request) { return pages.answer(request); });
  if (!server) {
    return tl::unexpected(server.error());
  }
  server_ = *std::move(server);
  if (listen.compare(0, unix_prefix.size(), unix_prefix) != 0) {
    const std::string host = listen.substr(0, listen.rfind(':'));
    std::cerr << "heapwatch: pages at http://" << (host.empty() ? "localhost" : host) << ':'
              << server_->port() << "/debug/vars and /debug/pprof/heap\n";
  }
  return {};
}

/// The program, or the process that ?pid= names.
base::Result<memory::native::WatchedProcesses::ProcessPtr> Watch::chosen(
    const net::ServerRequest& request) const {
  pid_t pid = program_;
  if (const auto wanted = base::query_value(request.query, "pid")) {
    const auto [end, error] = std::from_chars(wanted->data(), wanted->data() + wanted->size(), pid);
    if (error != std::errc{} || end != wanted->data() + wanted->size()) {
      return base::fail(base::ErrorKind::not_found,
                        "pid must be the number of a process, not \"" + *wanted + "\"");
    }
  }
  auto process = processes_.find(pid);
  if (process) {
    return process;
  }
  if (pid != program_) {
    return base::fail(base::ErrorKind::not_found,
                      "no process " + std::to_string(pid) + "; /debug/vars lists those that are");
  }
  if (!why_not_.empty()) {
    return base::fail(base::ErrorKind::unreachable,
                      "the program is not watched: it " + std::string(why_not_));
  }
  return base::fail(base::ErrorKind::unreachable,
                    "the program has not loaded " + std::string(watching_library) +
                        ": it is just starting, or it began another program");
}

std::string Watch::vars(const memory::native::WatchedProcess& process) const {
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  json.key("process");
  json.begin_object();
  json.member("pid", process.pid());
  json.member("name", process.name());
  json.end_object();
  json.key("rtloader");
  json.begin_object();
  pages::write_counters(json, process.counters());
  json.end_object();
  json.key("memtrack");
  json.begin_object();
  const memtrack_health health = process.health();
  for (const auto& [key, value] : {std::pair{"double_frees", health.double_frees},
                                   {"older_frees", health.older_frees},
                                   {"freed_elsewhere", health.freed_elsewhere},
                                   {"unrecorded", health.unrecorded},
                                   {"samples", health.samples},
                                   {"lost_samples", health.lost_samples}}) {
    json.member(key, value);
  }
  json.object("spaces", [&] {
    for (const memtrack_space space : {memtrack_space_native, memtrack_space_python,
                                       memtrack_space_mmap, memtrack_space_stack}) {
      json.object(memory::native::space_name(space),
                  [&] { pages::write_counters(json, process.space_counters(space)); });
    }
  });
  json.member("waiting_threads", process.waiting_threads());
  json.key("components");
  json.begin_object();
  for (const auto& [name, counters] : process.components()) {
    json.key(name);
    json.begin_object();
    pages::write_counters(json, counters);
    json.end_object();
  }
  json.end_object();
  json.end_object();
  if (const std::string interpreter = process.interpreter(); !interpreter.empty()) {
    const memory::native::WatchedProcess::Arenas arenas = process.arenas();
    json.key("python");
    json.begin_object();
    json.member("version", interpreter);
    json.member("arenas", arenas.count);
    json.member("arena_bytes", arenas.bytes);
    json.end_object();
  }
  json.key("processes");
  json.begin_object();
  for (const auto& other : processes_.all()) {
    json.key(std::to_string(other->pid()));
    json.begin_object();
    json.member("name", other->name());
    json.member("alive", other->is_alive());
    pages::write_counters(json, other->counters());
    json.end_object();
  }
  json.end_object();
  json.end_object();
  return text + "\n";
}

net::ServerReply Watch::vars_page(const net::ServerRequest& request) const {
  const auto process = chosen(request);
  if (!process) {
    return net::text_reply(process.error().kind == base::ErrorKind::not_found ? 404 : 503,
                           process.error().message);
  }
  return {.content_type = "application/json; charset=utf-8", .body = vars(**process)};
}

bool Watch::report(const std::string& how) {
  processes_.stop();
  const auto program = processes_.find(program_);
  if (!program) {
    std::cerr << "heapwatch: " << options_.program[0] << " ended with " << how
              << " and was not watched: it "
              << (why_not_.empty() ? "has not handed in its books, as it does when it has loaded " +
                                         std::string(watching_library)
                                   : std::string(why_not_))
              << '\n';
  } else {
    std::cerr << memory::native::leak_summary({*program, how});
  }
  std::size_t others = 0;
  std::uint64_t held = 0;
  memory::native::NativeHeap all =
      program ? program->heap(plumbing()) : memory::native::NativeHeap{};
  for (const auto& process : processes_.all()) {
    if (process != program) {
      ++others;
      held += process->counters().inuse_bytes;
      memory::native::append(all, process->heap(plumbing()),
                             process->name() + "[" + std::to_string(process->pid()) + "]");
    }
  }
  if (const auto children = others + processes_.given_up(); children > 0) {
    std::cerr << "heapwatch: and " << base::counted(children, "child process", "child processes")
              << ", which held " << base::counted(held, "byte")
              << (children == 1 ? " at its end\n" : " at their ends\n");
  }
  if (options_.report.empty()) {
    return true;
  }
  if (const auto written =
          base::write_file(options_.report, memory::native::native_profile_bytes(all, {}));
      !written) {
    std::cerr << "heapwatch: cannot write " << written.error().message << '\n';
    return false;
  }
  std::cerr << "heapwatch: profile in " << options_.report << "; read it with heapwatch pprof or "
            << "go tool pprof\n";
  return true;
}

}  // namespace

int exec_program(const ExecOptions& options) {
  const auto watching = prepare_watching(options.program[0]);
  if (!watching) {
    return fail_with(watching.error().message);
  }
  if (const auto writable =
          options.report.empty() ? base::Result<void>{} : can_be_written(options.report);
      !writable) {
    return fail_with(writable.error().message);
  }
  auto program = process::ForegroundProgram::prepare();
  if (!program) {
    return fail_with(program.error().message);
  }
  auto processes = memory::native::WatchedProcesses::start();
  if (!processes) {
    return fail_with(processes.error().message);
  }
  Watch watch(options, **processes, watching->why_not);
  if (const auto listening = watch.listen(); !listening) {
    return fail_with(listening.error().message);
  }
  const auto started = (*program)->start(
      options.program,
      watched_environment(*watching, (*processes)->socket_path(), options.sample_interval));
  if (!started) {
    fail_with(started.error().message);
    return started.error().status;
  }
  watch.set_program(*started);
  if (!watching->why_not.empty()) {
    std::cerr << "heapwatch: the memory of " << options.program[0] << " is not seen: it "
              << watching->why_not << '\n';
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
