// `heapwatch leak --check NAME`: a check is run in a process of its own, whose allocations are
// counted and sampled with their stacks, native ones and those of Python. After each run it waits
// until it has been looked at.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <optional>

#include "agent/commands/check_rounds.h"
#include "agent/commands/failure.h"
#include "agent/commands/leak_answer.h"
#include "agent/commands/watching.h"
#include "agent/process/foreground_program.h"
#include "agent/process/standard_output.h"
#include "base/file.h"
#include "base/process_usage.h"
#include "leak/stacks/native_stacks.h"
#include "memory/native/watched_processes.h"

namespace heapwatch::agent::commands {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;

/// Nearly all blocks are sampled: of a few KiB a run, each is to be seen.
constexpr std::size_t check_sample_interval = 128;
/// Without --times: as many runs as there is time for, within these.
constexpr int runs_least = 40;
constexpr int runs_most = 1000;
constexpr double time_usual_s = 30;
/// What a thread of the check leaks comes with time, and not with runs.
constexpr double time_with_threads_s = 20;
constexpr int runs_before_pace = 3;
constexpr std::size_t line_max = 256;
constexpr std::size_t stat_bytes_max = 16'384;

/// The line of our socket to the process that runs the check.
class Line {
 public:
  explicit Line(int socket) : socket_(socket) {}

  void ask_for_next() const { (void)!::send(socket_, &round_next, 1, MSG_NOSIGNAL); }

  /// What the other said; none when it has ended. Signals are passed on meanwhile.
  std::optional<std::string> next(process::ForegroundProgram& program) {
    for (;;) {
      const std::size_t end = read_.find('\n');
      if (end != std::string::npos) {
        std::string line = read_.substr(0, end);
        read_.erase(0, end + 1);
        return line;
      }
      constexpr int between_signals_ms = 100;
      pollfd socket{socket_, POLLIN, 0};
      if (poll(&socket, 1, between_signals_ms) > 0) {
        std::array<char, line_max> bytes{};
        const ssize_t got = read(socket_, bytes.data(), bytes.size());
        if (got <= 0 && errno != EINTR) {
          return std::nullopt;
        }
        read_.append(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (read_.size() > line_max) {
          return std::nullopt;
        }
      } else if (program.wait_until(Clock::now())) {
        return std::nullopt;
      }
    }
  }

 private:
  int socket_;
  std::string read_;
};

/// What is left of a line behind its first word.
std::optional<double> number_behind(const std::string& line, std::string_view word) {
  if (!line.starts_with(word)) {
    return std::nullopt;
  }
  double value = 0;
  const char* const begin = line.data() + word.size();
  const auto [end, error] = std::from_chars(begin, line.data() + line.size(), value);
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

std::optional<double> open_descriptors(pid_t pid) {
  std::error_code error;
  double count = 0;
  for (auto at = std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    count += 1;
  }
  return error ? std::nullopt : std::optional(count);
}

class CheckWatch {
 public:
  CheckWatch(const LeakCommand& options, memory::native::WatchedProcesses& processes, pid_t pid)
      : options_(options), processes_(processes), pid_(pid), began_(Clock::now()) {
    watch_.check = options.check;
    watch_.is_started = true;
  }

  /// False when nothing can be said of it.
  bool run(Line& line, process::ForegroundProgram& program) {
    const auto begun = line.next(program);
    const auto interval = begun ? number_behind(*begun, "begin ") : std::nullopt;
    if (!interval) {
      return false;
    }
    watch_.run_interval = *interval;
    began_ = Clock::now();
    look();
    LeakProgress progress(options_);
    while (goes_on()) {
      pace(program);
      line.ask_for_next();
      const auto told = line.next(program);
      if (!told) {
        watch_.ended = "the process of the check has ended";
        break;
      }
      ++runs_;
      failed_ += *told == "run 1" ? 1 : 0;
      look();
      progress.show(watch_, elapsed());
    }
    progress.clear();
    if (failed_ > 0) {
      watch_.missing.push_back(std::to_string(failed_) + " of " + std::to_string(runs_) +
                               " runs failed");
    }
    return true;
  }

  /// With the sites.
  [[nodiscard]] leak::Watch take() {
    if (const auto process = processes_.find(pid_)) {
      sites_.take(process->heap(), runs_);
    } else {
      watch_.missing.emplace_back("its allocations: it has not handed in its books");
    }
    constexpr double start_share = 0.15;
    watch_.sites = sites_.sites(std::max(1.0, start_share * runs_));
    return std::move(watch_);
  }

 private:
  [[nodiscard]] double elapsed() const { return duration<double>(Clock::now() - began_).count(); }

  [[nodiscard]] bool goes_on() const {
    if (options_.times > 0) {
      return runs_ < options_.times;
    }
    const double limit = options_.is_length_given ? options_.length_s : time_usual_s;
    const bool has_time = elapsed() < limit || (runs_ < runs_least && !options_.is_length_given);
    return has_time && runs_ < runs_most;
  }

  /// Spreads the runs over a while where the check has threads of its own.
  void pace(process::ForegroundProgram& program) const {
    if (runs_ < runs_before_pace ||
        watch_.looks.front().threads.value_or(0) >= watch_.looks.back().threads.value_or(0)) {
      return;
    }
    const double runs = options_.times > 0 ? options_.times : runs_most / 2.0;
    const auto due = began_ + std::chrono::duration_cast<Clock::duration>(
                                  duration<double>(time_with_threads_s * runs_ / runs));
    (void)program.wait_until(due);
  }

  void look() {
    leak::Look look{.at = elapsed()};
    look.runs = runs_;
    if (!watch_.looks.empty()) {
      look.at = std::max(look.at, watch_.looks.back().at + 1e-6);
    }
    const auto text = base::read_file("/proc/" + std::to_string(pid_) + "/stat", stat_bytes_max);
    if (const auto stat = text ? base::parse_process_stat(*text) : std::nullopt) {
      look.threads = static_cast<double>(stat->threads);
      look.cpu_seconds = stat->cpu.count();
      look.virtual_bytes = static_cast<double>(stat->virtual_bytes);
      look.rss = static_cast<double>(stat->resident_bytes);
    }
    look.descriptors = open_descriptors(pid_);
    if (const auto process = processes_.find(pid_)) {
      look.counted = leak::stacks::counted_by_books(*process);
      take_sites(*process);
    }
    watch_.looks.push_back(std::move(look));
  }

  /// As often as some dozens of moments over all runs need it.
  void take_sites(const memory::native::WatchedProcess& process) {
    if (runs_ < next_sites_) {
      return;
    }
    sites_.take(process.heap(), runs_);
    next_sites_ = runs_ + std::max(1, runs_ / 16);
  }

  const LeakCommand& options_;
  memory::native::WatchedProcesses& processes_;
  pid_t pid_;
  Clock::time_point began_;
  leak::Watch watch_;
  leak::stacks::NativeStacks sites_;
  int runs_ = 0;
  int failed_ = 0;
  int next_sites_ = 0;
};

std::vector<std::string> check_command(const LeakCommand& options,
                                       const wiring::GlobalOptions& global,
                                       const std::string& self) {
  std::vector<std::string> command{self};
  for (const auto& [flag, value] : {std::pair{"--config", global.config_file},
                                    {"--confd", global.confd},
                                    {"--log-level", global.log_level}}) {
    if (value) {
      command.insert(command.end(), {flag, *value});
    }
  }
  command.insert(command.end(), {"check", options.check});
  if (!options.instance_filter.empty()) {
    command.insert(command.end(), {"--instance-filter", options.instance_filter});
  }
  return command;
}

}  // namespace

int watch_check(const LeakCommand& options, const wiring::GlobalOptions& global) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const auto watching = prepare_watching(self);
  if (!watching) {
    return fail_with(watching.error().message);
  }
  if (watching->library.empty()) {
    return fail_with("--check runs heapwatch with its memory watched, and this one " +
                     std::string(watching->why_not));
  }
  const auto start = prepare_start();
  if (!start) {
    return fail_with(start.error().message);
  }
  process::ForegroundProgram& program = *start->program;
  memory::native::WatchedProcesses& processes = *start->processes;
  std::array<int, 2> sockets{};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()) != 0) {
    return fail_with("cannot make a socket: " + std::string(std::strerror(errno)));
  }
  const base::Descriptor ours(sockets[0]);
  base::Descriptor theirs(sockets[1]);
  fcntl(ours.get(), F_SETFD, FD_CLOEXEC);
  std::vector<std::string> environment = watched_environment(
      *watching, processes.socket_path(), {.sample_interval = check_sample_interval});
  environment.push_back(std::string(rounds_variable) + "=" + std::to_string(theirs.get()));
  std::optional<process::StandardOutputAside> aside(std::in_place);
  const auto started = program.start(check_command(options, global, self), std::move(environment));
  aside.reset();
  theirs.reset();
  if (!started) {
    fail_with(started.error().message);
    return started.error().status;
  }
  processes.set_root(*started);
  CheckWatch watching_check(options, processes, *started);
  Line line(ours.get());
  const bool has_begun = watching_check.run(line, program);
  if (!has_begun) {
    const int status = program.wait();
    return status == 0 ? fail_with("the check could not be run") : 1;
  }
  const leak::Watch watch = watching_check.take();
  shutdown(ours.get(), SHUT_RDWR);
  (void)program.wait();
  const leak::Judgement judgement = leak::judge(watch, judge_options(options));
  if (!options.save.empty()) {
    save_or_say(options.save, watch, judgement);
  }
  return tell({watch}, {judgement}, options);
}

}  // namespace heapwatch::agent::commands
