// `heapwatch attach`: looks first, attaches, serves and reports as `heapwatch exec` does, and lets
// go. `heapwatch detach` lets go of what was left.
#include <poll.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iomanip>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "agent/access/private_server.h"
#include "agent/commands/commands.h"
#include "agent/commands/exec_watch.h"
#include "agent/commands/failure.h"
#include "agent/commands/watching.h"
#include "agent/process/held_signals.h"
#include "attach/helper.h"
#include "attach/refusals.h"
#include "base/descriptor.h"
#include "base/printable.h"
#include "memory/native/find_books.h"
#include "memory/process/find.h"

namespace heapwatch::agent::commands {

namespace {

using Clock = std::chrono::steady_clock;
using preload::Operation;
using preload::Outcome;

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

/// What was seen, when nothing speaks against it; else that is said.
base::Result<attach::Evidence> look(const std::string& target) {
  const auto pid = one_process(target);
  if (!pid) {
    return tl::unexpected(pid.error());
  }
  auto seen = attach::gather(*pid, attach::ourselves());
  if (!seen) {
    return tl::unexpected(seen.error());
  }
  if (const auto refusals = attach::judge(seen->evidence); !refusals.empty()) {
    std::string text = attach::to_text(seen->evidence, refusals);
    text.pop_back();
    return base::fail(base::ErrorKind::refused, text);
  }
  return std::move(seen->evidence);
}

bool was_injected(const attach::Evidence& evidence) {
  return evidence.program.our_library_path.starts_with("/memfd:");
}
bool was_preloaded(const attach::Evidence& evidence) {
  return !evidence.program.our_library_path.empty() && !was_injected(evidence);
}

std::string_view words_for(Outcome outcome) {
  switch (outcome) {
    case Outcome::done:
      return "done";
    case Outcome::already:
      return "that is so already";
    case Outcome::not_found:
      return "the allocation functions that the program uses were not found there";
    case Outcome::not_shared:
      return "it is a child of a process that was attached to, which keeps books of its own";
    case Outcome::sanitizer:
      return "a sanitizer keeps its memory";
    case Outcome::none:
      break;
  }
  return "the library did not say what became of it";
}

/// So that whoever looks after the machine can tell who did this.
void note_in_log(const attach::Evidence& evidence, const char* what) {
  openlog("heapwatch", LOG_PID, LOG_USER);
  syslog(LOG_NOTICE, "%s %s, of user %u, by user %u", what, attach::named(evidence).c_str(),
         evidence.facts.uid, getuid());
  closelog();
}

std::string milliseconds(double value) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(value < 10 ? 2 : 0) << value << " ms";
  return text.str();
}

/// Errors: those of the injection; refused with what the library says.
base::Result<attach::Injection> operate(const attach::Evidence& evidence, Operation operation,
                                        std::size_t sample_interval) {
  auto library = preload_library(preload_library_name);
  if (!library) {
    return tl::unexpected(library.error());
  }
  auto injected = attach::inject_apart(
      evidence, {.library = *library, .operation = operation, .sample_interval = sample_interval});
  if (injected && injected->outcome != Outcome::done && injected->outcome != Outcome::already) {
    return base::fail(base::ErrorKind::refused, std::string(words_for(injected->outcome)));
  }
  return injected;
}

/// By what the process is: its library is switched on, or brought.
base::Result<void> begin(const attach::Evidence& evidence, const AttachOptions& options) {
  if (was_preloaded(evidence)) {
    const auto books = memory::native::find_books(evidence.facts.pid, evidence.facts.command);
    if (books == nullptr || !books->switch_accounting(true)) {
      return base::fail(base::ErrorKind::refused,
                        "it has our library loaded, but its books cannot be opened; what has "
                        "started it watches it, or root may");
    }
    std::cerr << "heapwatch: " << attach::named(evidence)
              << " has our library loaded; its accounting is on\n";
    return {};
  }
  const auto injected = operate(evidence, Operation::attach, options.sample_interval);
  if (!injected) {
    return tl::unexpected(injected.error());
  }
  std::cerr << "heapwatch: attached to " << attach::named(evidence) << "; a thread stood still for "
            << milliseconds(injected->stopped_ms)
            << (injected->tries > 1 ? " (at try " + std::to_string(injected->tries) + ")" : "")
            << '\n';
  return {};
}

/// False: it was not attached to.
base::Result<bool> end(const attach::Evidence& before) {
  if (was_preloaded(before)) {
    const auto books = memory::native::find_books(before.facts.pid, before.facts.command);
    return books != nullptr && books->switch_accounting(false)
               ? base::Result<bool>{true}
               : base::fail(base::ErrorKind::io, "its accounting cannot be switched off");
  }
  auto seen = attach::gather(before.facts.pid, attach::ourselves());
  if (!seen) {
    return tl::unexpected(seen.error());
  }
  if (seen->evidence.facts.start_ticks != before.facts.start_ticks) {
    return base::fail(base::ErrorKind::not_found, attach::named(before) + " has ended");
  }
  if (const auto refusals = attach::judge(seen->evidence); !refusals.empty()) {
    std::string text = attach::to_text(seen->evidence, refusals);
    text.pop_back();
    return base::fail(base::ErrorKind::refused, text);
  }
  return operate(seen->evidence, Operation::detach, 0).map([](const attach::Injection& done) {
    return done.outcome == Outcome::done;
  });
}

/// Until the time is over, a signal comes or the process ends. False: it has ended.
bool wait_for_end(double length_s, int process) {
  const sigset_t signals = process::handled_signals();
  const base::Descriptor told(signalfd(-1, &signals, SFD_CLOEXEC));
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(length_s));
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (length_s > 0 && left.count() <= 0) {
      return true;
    }
    constexpr int longest_ms = 3'600'000;
    const int wait_ms =
        length_s > 0 ? static_cast<int>(std::min<std::int64_t>(left.count(), longest_ms)) : -1;
    pollfd both[] = {{told.get(), POLLIN, 0}, {process, POLLIN, 0}};
    if (poll(both, 2, wait_ms) > 0) {
      return both[1].revents == 0;
    }
  }
}

/// As it is said; false when it could not be.
bool let_go(const attach::Evidence& evidence) {
  const auto ended = end(evidence);
  if (!ended) {
    (void)fail_with("cannot detach from " + attach::named(evidence) + ": " + ended.error().message +
                    "; heapwatch detach " + std::to_string(evidence.facts.pid) + " tries again");
    return false;
  }
  note_in_log(evidence, "has detached from");
  std::cerr << "heapwatch: " << (*ended ? "detached from " : "nobody is attached to ")
            << attach::named(evidence) << '\n';
  return true;
}

/// What follows begin().
base::Result<bool> watch_attached(const attach::Evidence& evidence, const AttachOptions& options) {
  const int pid = evidence.facts.pid;
  const ExecOptions as_exec{.listen = options.listen,
                            .web_config = options.web_config,
                            .report = options.report,
                            .sample_interval = options.sample_interval,
                            .flame = options.flame,
                            .children = "none",
                            .program = {evidence.facts.command}};
  const auto processes = memory::native::WatchedProcesses::start();
  if (!processes) {
    return tl::unexpected(processes.error());
  }
  auto books = memory::native::find_books(pid, evidence.facts.command);
  if (books == nullptr) {
    return base::fail(base::ErrorKind::io, "its books cannot be opened");
  }
  const int descriptor = books->descriptor();
  (*processes)->adopt(std::move(books));
  Watch watch(as_exec, **processes, "");
  watch.set_program(pid);
  if (const auto listening = watch.listen(); !listening) {
    return tl::unexpected(listening.error());
  }
  const bool is_alive = wait_for_end(options.length_s, descriptor);
  watch.stop_serving();
  // First: it is not to be counted while names are looked up. Its books stay as they are.
  const bool has_let_go = !is_alive || let_go(evidence);
  return watch.report("") && has_let_go;
}

int list_attached() {
  for (const auto& entry : memory::process::list_processes()) {
    const auto books = memory::native::find_books(entry.pid, entry.command);
    if (books != nullptr) {
      std::cout << entry.pid << '\t' << base::printable(entry.command) << '\t'
                << (books->is_accounting() ? "attached" : "dormant") << '\n';
    }
  }
  return std::cout.flush() ? 0 : 1;
}

}  // namespace

int attach_to_process(const AttachOptions& options) {
  if (options.list) {
    return list_attached();
  }
  const auto evidence = look(options.target);
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
  note_in_log(*evidence, "attaches to");
  if (const auto begun = begin(*evidence, options); !begun) {
    return fail_with("cannot attach to " + attach::named(*evidence) + ": " + begun.error().message);
  }
  const auto reported = watch_attached(*evidence, options);
  if (!reported) {
    (void)fail_with(reported.error().message);
    (void)let_go(*evidence);
  }
  return reported && *reported ? 0 : 1;
}

int detach_from_process(const std::string& target) {
  const auto evidence = look(target);
  if (!evidence) {
    return fail_with(evidence.error().message);
  }
  if (evidence->program.our_library_path.empty()) {
    return fail_with(attach::named(*evidence) + " is not attached to");
  }
  return let_go(*evidence) ? 0 : 1;
}

}  // namespace heapwatch::agent::commands
