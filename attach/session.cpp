#include "attach/session.h"

#include <syslog.h>
#include <unistd.h>

#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include "attach/helper.h"
#include "attach/refusals.h"
#include "memory/native/find_books.h"
#include "memtrack/books.h"

namespace heapwatch::attach {

namespace {

using memory::native::WatchedProcess;
using memtrack::Hooks;
using preload::Operation;
using preload::Outcome;
using preload::Python;

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
void note_in_log(const Evidence& evidence, const char* what) {
  openlog("heapwatch", LOG_PID, LOG_USER);
  syslog(LOG_NOTICE, "%s %s, of user %u, by user %u", what, named(evidence).c_str(),
         evidence.facts.uid, getuid());
  closelog();
}

base::Result<Injection> operate(const Evidence& evidence, const InjectionOptions& options) {
  auto injected = inject_apart(evidence, options);
  if (injected && injected->outcome != Outcome::done && injected->outcome != Outcome::already) {
    return base::fail(base::ErrorKind::refused, std::string(words_for(injected->outcome)));
  }
  return injected;
}

base::Error refused(const Evidence& evidence, const std::vector<Refusal>& refusals) {
  std::string text = to_text(evidence, refusals);
  text.pop_back();
  return {base::ErrorKind::refused, text};
}

/// Until they are in another state than these, or the time is over.
WatchedProcess::InterpreterHooks wait_for_hooks(const WatchedProcess& books, Hooks state,
                                                Hooks other_state,
                                                std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  for (;;) {
    auto hooks = books.interpreter_hooks();
    if ((hooks.state != state && hooks.state != other_state) || !books.is_alive() ||
        std::chrono::steady_clock::now() > until) {
      return hooks;
    }
    constexpr std::chrono::milliseconds pause{2};
    std::this_thread::sleep_for(pause);
  }
}

std::string seconds_text(std::chrono::milliseconds time) {
  const auto tenths = (time.count() + 50) / 100;
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10)) +
         " s";
}

}  // namespace

base::Result<Evidence> look_for_session(int pid, Python python) {
  auto seen = gather(pid, ourselves());
  if (!seen) {
    return tl::unexpected(seen.error());
  }
  auto refusals = judge(seen->evidence);
  if (refusals.empty() && python == Python::only) {
    if (auto refusal = judge_python(seen->evidence.program)) {
      refusals.push_back(*std::move(refusal));
    }
  }
  if (!refusals.empty()) {
    return tl::unexpected(refused(seen->evidence, refusals));
  }
  return std::move(seen->evidence);
}

bool was_preloaded(const Evidence& evidence) {
  const std::string& path = evidence.program.our_library_path;
  return !path.empty() && !path.starts_with("/memfd:");
}

base::Result<Begun> begin(const Evidence& evidence, const SessionOptions& options) {
  note_in_log(evidence, "attaches to");
  if (was_preloaded(evidence)) {
    const auto books = memory::native::find_books(evidence.facts.pid, evidence.facts.command);
    if (books == nullptr || !books->switch_accounting(true)) {
      return base::fail(base::ErrorKind::refused,
                        "it has our library loaded, but its books cannot be opened; what has "
                        "started it watches it, or root may");
    }
    return Begun{.was_there = true};
  }
  const auto injected = operate(evidence, {.library = options.library,
                                           .operation = Operation::attach,
                                           .python = options.python,
                                           .sample_interval = options.sample_interval});
  if (!injected) {
    return tl::unexpected(injected.error());
  }
  return Begun{.stopped_ms = injected->stopped_ms, .tries = injected->tries};
}

base::Result<bool> end(const Evidence& before, const std::string& library) {
  if (was_preloaded(before)) {
    const auto books = memory::native::find_books(before.facts.pid, before.facts.command);
    if (books == nullptr || !books->switch_accounting(false)) {
      return base::fail(base::ErrorKind::io, "its accounting cannot be switched off");
    }
    note_in_log(before, "has detached from");
    return true;
  }
  const auto seen = gather(before.facts.pid, ourselves());
  if (!seen) {
    return tl::unexpected(seen.error());
  }
  if (seen->evidence.facts.start_ticks != before.facts.start_ticks) {
    return base::fail(base::ErrorKind::not_found, named(before) + " has ended");
  }
  if (const auto refusals = judge(seen->evidence); !refusals.empty()) {
    return tl::unexpected(refused(seen->evidence, refusals));
  }
  const auto done = operate(seen->evidence, {.library = library, .operation = Operation::detach});
  if (!done) {
    return tl::unexpected(done.error());
  }
  note_in_log(before, "has detached from");
  return done->outcome == Outcome::done;
}

PythonAnswer wait_for_python(const WatchedProcess& books, std::chrono::milliseconds limit) {
  const auto hooks = wait_for_hooks(books, Hooks::looking, Hooks::waiting, limit);
  const std::string& name = hooks.interpreter;
  switch (hooks.state) {
    case Hooks::on:
      return {true, name + " is watched, too"};
    case Hooks::looking:
    case Hooks::waiting:
      return {false, name +
                         " is not watched yet: a thread of the program has kept its lock (the "
                         "GIL) for " +
                         seconds_text(limit) + "; it will be, once the lock is free"};
    case Hooks::unknown:
      return {false, unknown_python(name)};
    case Hooks::free_threaded:
      return {false, free_threaded_python(name)};
    case Hooks::idle:
      return {false, name + " is not watched: it does not run, or is being finalised"};
    default:
      return {};
  }
}

std::string wait_for_end_of_python(const WatchedProcess& books, std::chrono::milliseconds limit) {
  const auto hooks = wait_for_hooks(books, Hooks::looking, Hooks::removing, limit);
  switch (hooks.state) {
    case Hooks::removing:
    case Hooks::looking:
      return "the hooks of " + hooks.interpreter +
             " pass everything on, and go once its lock (the GIL) is free, which a thread has kept "
             "for " +
             seconds_text(limit);
    case Hooks::left:
      return "the hooks of " + hooks.interpreter +
             " stay and pass everything on: it has ended, or others were put on top of them";
    default:
      return {};
  }
}

}  // namespace heapwatch::attach
