// `heapwatch attach`: looks first, attaches, serves and reports as `heapwatch exec` does, and lets
// go. `heapwatch detach` lets go of what was left.
#include <poll.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include "agent/access/private_server.h"
#include "agent/commands/attach_steps.h"
#include "agent/commands/commands.h"
#include "agent/commands/exec_watch.h"
#include "agent/commands/failure.h"
#include "agent/commands/go_part.h"
#include "agent/commands/watching.h"
#include "agent/process/held_signals.h"
#include "attach/refusals.h"
#include "attach/session.h"
#include "base/descriptor.h"
#include "base/printable.h"
#include "memory/native/find_books.h"
#include "memory/process/find.h"

namespace heapwatch::agent::commands {

namespace {

using Clock = std::chrono::steady_clock;

base::Result<int> one_process(const std::string& target) {
  if (target.empty()) {
    return base::fail(base::ErrorKind::invalid,
                      "attach needs a process: a pid, a name or a part of a command line");
  }
  const auto found = memory::process::find_processes(target);
  if (!found) {
    return tl::unexpected(found.error());
  }
  if (found->size() != 1) {
    std::string pids;
    for (const auto& entry : *found) {
      pids += (pids.empty() ? "" : ", ") + std::to_string(entry.pid);
    }
    return base::fail(base::ErrorKind::invalid, "\"" + target + "\" means " +
                                                    std::to_string(found->size()) +
                                                    " processes; name one of them: " + pids);
  }
  return found->front().pid;
}

base::Result<attach::Evidence> look(const std::string& target, preload::Python python) {
  return one_process(target).and_then(
      [&](int pid) { return attach::look_for_session(pid, python); });
}

enum class Over { time, signal, process };

/// Until that moment, if there is one, a signal, or the end of the process.
Over wait_until(std::optional<Clock::time_point> until, int process) {
  const sigset_t signals = process::handled_signals();
  const base::Descriptor told(signalfd(-1, &signals, SFD_CLOEXEC));
  for (;;) {
    int wait_ms = -1;
    if (until) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now());
      if (left.count() <= 0) {
        return Over::time;
      }
      constexpr int longest_ms = 3'600'000;
      wait_ms = static_cast<int>(std::min<std::int64_t>(left.count(), longest_ms));
    }
    pollfd both[] = {{told.get(), POLLIN, 0}, {process, POLLIN, 0}};
    if (poll(both, 2, wait_ms) > 0) {
      return both[1].revents != 0 ? Over::process : Over::signal;
    }
  }
}

/// Caches of the program fill again with new blocks at first: what its sites hold by then is no
/// growth. A share of the time, and no more than that.
constexpr double warm_up_share = 1.0 / 3;
constexpr std::chrono::seconds warm_up_max{30};

/// Until it is over, with a look in between.
Over watch_until_end(const memory::native::WatchedProcess& books, double length_s, Watch& watch) {
  const auto length = std::chrono::duration<double>(length_s);
  const auto begin = Clock::now();
  const auto after = [begin](std::chrono::duration<double> time) {
    return begin + std::chrono::duration_cast<Clock::duration>(time);
  };
  const std::chrono::duration<double> warm_up =
      length_s > 0 ? std::min<std::chrono::duration<double>>(warm_up_share * length, warm_up_max)
                   : warm_up_max;
  if (const Over over = wait_until(after(warm_up), books.descriptor()); over != Over::time) {
    return over;
  }
  watch.rank_since(books.heap());
  return wait_until(length_s > 0 ? std::optional(after(length)) : std::nullopt, books.descriptor());
}

/// Where it is asked for. False: it is not to be had, which is said.
bool add_go_heap(const AttachOptions& options, Watch& watch) {
  if (options.url.empty()) {
    return true;
  }
  auto profile = go_page(options.url).and_then(fetch_go_heap);
  if (!profile) {
    (void)fail_with("Go's heap is left out: " + profile.error().message);
    return false;
  }
  watch.add_go_heap(*std::move(profile));
  return true;
}

/// What follows begin(). False: something was not as wanted, which is said.
base::Result<bool> watch_attached(const attach::Evidence& evidence, const AttachOptions& options,
                                  const std::string& library) {
  const int pid = evidence.facts.pid;
  const ExecOptions as_exec{.listen = options.listen,
                            .web_config = options.web_config,
                            .url = options.url,
                            .report = options.report,
                            .sample_interval = options.sample_interval,
                            .flame = options.flame,
                            .children = "none",
                            .program = {evidence.facts.command}};
  const auto processes = memory::native::WatchedProcesses::start();
  if (!processes) {
    return tl::unexpected(processes.error());
  }
  auto found = memory::native::find_books(pid, evidence.facts.command);
  if (found == nullptr) {
    return base::fail(base::ErrorKind::io, "its books cannot be opened");
  }
  (*processes)->adopt(std::move(found));
  const auto books = (*processes)->find(pid);
  if (books == nullptr) {
    return base::fail(base::ErrorKind::io, "its books cannot be read");
  }
  Watch watch(as_exec, **processes, "");
  watch.set_program(pid);
  if (const auto listening = watch.listen(); !listening) {
    return tl::unexpected(listening.error());
  }
  if (options.python != preload::Python::off && !attach::was_preloaded(evidence)) {
    const bool is_watched = say_what_became_of_python(*books);
    if (options.python == preload::Python::only && !is_watched) {
      watch.stop_serving();
      (void)let_go_and_say(evidence, library);
      return false;
    }
  }
  const Over over = watch_until_end(*books, options.length_s, watch);
  watch.stop_serving();
  const bool has_go = over == Over::process || add_go_heap(options, watch);
  // First: it is not to be counted while names are looked up. Its books stay as they are.
  const bool has_let_go = over == Over::process || let_go_and_say(evidence, library);
  return watch.report("") && has_let_go && has_go;
}

int list_attached() {
  for (const auto& entry : memory::process::list_processes()) {
    const auto books = memory::native::find_books(entry.pid, entry.command);
    if (books != nullptr) {
      std::cout << entry.pid << '\t' << base::printable(entry.command) << '\t'
                << (books->is_accounting() ? "attached" : "dormant");
      if (const auto hooks = books->interpreter_hooks(); hooks.are_on) {
        std::cout << '\t' << base::printable(hooks.interpreter);
      }
      std::cout << '\n';
    }
  }
  return std::cout.flush() ? 0 : 1;
}

}  // namespace

int attach_to_process(const AttachOptions& options) {
  if (options.list) {
    return list_attached();
  }
  const auto evidence = look(options.target, options.python);
  if (!evidence) {
    return fail_with(evidence.error().message);
  }
  if (options.dry_run) {
    std::cout << attach::plan_text(*evidence);
    return std::cout.flush() ? 0 : 1;
  }
  if (!options.listen.empty()) {
    if (const auto may = access::may_serve(options.listen, options.web_config); !may) {
      return fail_with(may.error().message);
    }
  }
  const auto library = preload_library(preload_library_name);
  if (!library) {
    return fail_with(library.error().message);
  }
  if (const auto begun = attach_and_say(*evidence, {.library = *library,
                                                    .python = options.python,
                                                    .sample_interval = options.sample_interval});
      !begun) {
    return fail_with(begun.error().message);
  }
  const auto watched = watch_attached(*evidence, options, *library);
  if (!watched) {
    (void)fail_with(watched.error().message);
    (void)let_go_and_say(*evidence, *library);
  }
  return watched && *watched ? 0 : 1;
}

int detach_from_process(const std::string& target) {
  const auto evidence = look(target, preload::Python::automatic);
  if (!evidence) {
    return fail_with(evidence.error().message);
  }
  if (evidence->program.our_library_path.empty()) {
    return fail_with(attach::named(*evidence) + " is not attached to");
  }
  const auto library = preload_library(preload_library_name);
  if (!library) {
    return fail_with(library.error().message);
  }
  return let_go_and_say(*evidence, *library) ? 0 : 1;
}

}  // namespace heapwatch::agent::commands
