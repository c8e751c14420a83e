// `heapwatch leak -- PROGRAM`: started so that its allocations are seen with their stacks.
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <optional>

#include "agent/commands/failure.h"
#include "agent/commands/leak_answer.h"
#include "agent/commands/leak_target.h"
#include "agent/commands/watching.h"
#include "agent/process/standard_output.h"

namespace heapwatch::agent::commands {

namespace {

using Clock = LeakWatch::Clock;

/// Denser than that of `exec`: a leak is to be seen within minutes.
constexpr std::size_t program_sample_interval = std::size_t{64} * 1024;
/// How long a program may take to end after SIGTERM.
constexpr std::chrono::seconds end_max{10};

/// The request for the pages that the program is going to serve, where a URL is given for it.
base::Result<LeakTarget> target_before_start(const LeakCommand& options) {
  if (options.targets.empty()) {
    return LeakTarget{};
  }
  auto targets = leak_targets(options.targets);
  if (!targets) {
    return tl::unexpected(targets.error());
  }
  if (targets->size() != 1 || !targets->front().request) {
    return base::fail(base::ErrorKind::invalid,
                      "beside a program to start, the one address of its /debug pages is taken");
  }
  return std::move(targets->front());
}

/// Until the program ends, the time is over, or the answer is sure. False: the program has ended.
bool watch_until_end(LeakWatch& watch, process::ForegroundProgram& program,
                     const LeakCommand& options) {
  LeakProgress progress(options);
  const auto began = Clock::now();
  bool is_running = true;
  while (!watch.is_over()) {
    if (program.wait_until(watch.due())) {
      watch.end_with_program();
      is_running = false;
      break;
    }
    watch.act();
    if (is_sure(watch, options)) {
      watch.finish(false);
    }
    progress.show(watch.watch(), std::chrono::duration<double>(Clock::now() - began).count());
  }
  progress.clear();
  return is_running;
}

}  // namespace

int watch_program(const LeakCommand& options) {
  auto target = target_before_start(options);
  if (!target) {
    return fail_with(target.error().message);
  }
  const auto watching = prepare_watching(options.program[0]);
  if (!watching) {
    return fail_with(watching.error().message);
  }
  const auto start = prepare_start();
  if (!start) {
    return fail_with(start.error().message);
  }
  process::ForegroundProgram& program = *start->program;
  memory::native::WatchedProcesses& processes = *start->processes;
  // The first line of ours is the answer, whatever the program prints.
  std::optional<process::StandardOutputAside> aside(std::in_place);
  const auto started = program.start(
      options.program, watched_environment(*watching, processes.socket_path(),
                                           {.sample_interval = program_sample_interval}));
  aside.reset();
  if (!started) {
    fail_with(started.error().message);
    return started.error().status;
  }
  const pid_t pid = *started;
  processes.set_root(pid);
  target->pid = pid;
  target->command = options.program[0].substr(options.program[0].rfind('/') + 1);
  target->is_started = true;
  target->books = [&processes, pid] { return processes.find(pid); };
  if (!watching->why_not.empty()) {
    target->missing = "the stacks of its allocations: it " + std::string(watching->why_not);
  }
  LeakWatchOptions watch_options{.length = std::chrono::duration<double>(options.length_s),
                                 .collect = options.collect};
  if (options.every_s > 0) {
    watch_options.every = std::chrono::duration<double>(options.every_s);
  }
  LeakWatch watch(*std::move(target), watch_options);
  bool is_running = watch_until_end(watch, program, options) && !program.wait_until(Clock::now());
  if (is_running && options.stop) {
    kill(pid, SIGTERM);
    is_running = !program.wait_until(Clock::now() + end_max);
  }
  if (is_running) {
    std::cerr << "heapwatch: " << watch.watch().command << " goes on as process " << pid << '\n';
  }
  const leak::Judgement judgement = leak::judge(watch.watch(), judge_options(options));
  if (!options.save.empty()) {
    save_or_say(options.save, watch.watch(), judgement, profiles_of(watch));
  }
  return tell({watch.watch()}, {judgement}, options);
}

}  // namespace heapwatch::agent::commands
