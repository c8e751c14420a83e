#include "agent/commands/attach_steps.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "agent/commands/failure.h"
#include "agent/commands/watching.h"
#include "attach/refusals.h"
#include "check/children/attacher.h"
#include "memory/native/find_books.h"
#include "memory/process/linked_allocator.h"

namespace heapwatch::agent::commands {

namespace {

std::string milliseconds_text(double value) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(value < 10 ? 2 : 0) << value << " ms";
  return text.str();
}

std::string not_seen_of_linked(const attach::Evidence& evidence) {
  const std::string exe = "/proc/" + std::to_string(evidence.facts.pid) + "/exe";
  return not_seen_of(memory::process::linked_allocator(exe), attach::named(evidence));
}

/// Until standard input or the process ends.
void wait_until_unwanted(int process) {
  pollfd both[] = {{STDIN_FILENO, POLLIN, 0}, {process, POLLIN, 0}};
  char byte = 0;
  for (;;) {
    if (poll(both, 2, -1) < 0) {
      continue;
    }
    if (both[1].revents != 0 ||
        (both[0].revents != 0 && read(STDIN_FILENO, &byte, sizeof byte) <= 0)) {
      return;
    }
  }
}

base::Result<void> attach_until_unwanted(int pid) {
  const auto evidence = attach::look_for_session(pid, preload::Python::automatic);
  if (!evidence) {
    return tl::unexpected(evidence.error());
  }
  const auto library = preload_library(preload_library_name);
  if (!library) {
    return tl::unexpected(library.error());
  }
  const auto begun = attach::begin(*evidence, {.library = *library});
  if (!begun) {
    return base::fail(begun.error().kind, "cannot attach to " + attach::named(*evidence) + ": " +
                                              begun.error().message);
  }
  const auto good = check::children::attacher_good;
  std::cout << good << "attached to " << attach::named(*evidence) << "; a thread stood still for "
            << milliseconds_text(begun->stopped_ms) << std::endl;
  if (const std::string not_seen = not_seen_of_linked(*evidence); !not_seen.empty()) {
    std::cout << not_seen << std::endl;
  }
  const auto books = memory::native::find_books(pid, evidence->facts.command);
  if (books != nullptr) {
    const attach::PythonAnswer python = attach::wait_for_python(*books);
    if (!python.sentence.empty()) {
      std::cout << (python.is_watched ? good : "") << attach::named(*evidence) << ": "
                << python.sentence << std::endl;
    }
  }
  wait_until_unwanted(books == nullptr ? -1 : books->descriptor());
  const auto ended = attach::end(*evidence, *library);
  return ended || ended.error().kind == base::ErrorKind::not_found ? base::Result<void>{}
                                                                   : tl::unexpected(ended.error());
}

}  // namespace

int stay_attached(const std::string& pid) {
  // A terminal, or who stops a service, tells all processes; we end when we are told so.
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
    signal(number, SIG_IGN);  // NOLINT(bugprone-signal-handler)
  }
  int number = 0;
  const auto [end, error] = std::from_chars(pid.data(), pid.data() + pid.size(), number);
  if (error != std::errc{} || end != pid.data() + pid.size()) {
    return 1;
  }
  const auto done = attach_until_unwanted(number);
  if (!done) {
    // One line: what is known last is the remedy.
    std::string text = done.error().message;
    std::replace(text.begin(), text.end(), '\n', ';');
    std::cout << text << std::endl;
  }
  return done ? 0 : 1;
}

base::Result<void> attach_and_say(const attach::Evidence& evidence,
                                  const attach::SessionOptions& options) {
  const auto begun = attach::begin(evidence, options);
  if (!begun) {
    return base::fail(begun.error().kind,
                      "cannot attach to " + attach::named(evidence) + ": " + begun.error().message);
  }
  if (begun->was_there) {
    std::cerr << "heapwatch: " << attach::named(evidence)
              << " has our library loaded; its accounting is on\n";
    return {};
  }
  std::cerr << "heapwatch: attached to " << attach::named(evidence) << "; a thread stood still for "
            << milliseconds_text(begun->stopped_ms)
            << (begun->tries > 1 ? " (at try " + std::to_string(begun->tries) + ")" : "") << '\n';
  if (const std::string not_seen = not_seen_of_linked(evidence); !not_seen.empty()) {
    std::cerr << "heapwatch: " << not_seen << '\n';
  }
  return {};
}

bool say_what_became_of_python(const memory::native::WatchedProcess& books) {
  const attach::PythonAnswer python = attach::wait_for_python(books);
  if (!python.sentence.empty()) {
    std::cerr << "heapwatch: " << python.sentence << '\n';
  }
  return python.is_watched;
}

bool let_go_and_say(const attach::Evidence& evidence, const std::string& library) {
  const auto ended = attach::end(evidence, library);
  if (!ended && ended.error().kind == base::ErrorKind::not_found) {
    return true;
  }
  if (!ended) {
    (void)fail_with("cannot detach from " + attach::named(evidence) + ": " + ended.error().message +
                    "; heapwatch detach " + std::to_string(evidence.facts.pid) + " tries again");
    return false;
  }
  std::cerr << "heapwatch: " << (*ended ? "detached from " : "nobody is attached to ")
            << attach::named(evidence) << '\n';
  const auto books = memory::native::find_books(evidence.facts.pid, evidence.facts.command);
  const std::string left = books == nullptr ? "" : attach::wait_for_end_of_python(*books);
  if (!left.empty()) {
    std::cerr << "heapwatch: " << left << '\n';
  }
  return true;
}

}  // namespace heapwatch::agent::commands
