#include "agent/commands/attach_steps.h"

#include <iomanip>
#include <iostream>
#include <sstream>

#include "agent/commands/failure.h"
#include "attach/refusals.h"
#include "memory/native/find_books.h"

namespace heapwatch::agent::commands {

namespace {

std::string milliseconds(double value) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(value < 10 ? 2 : 0) << value << " ms";
  return text.str();
}

}  // namespace

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
            << milliseconds(begun->stopped_ms)
            << (begun->tries > 1 ? " (at try " + std::to_string(begun->tries) + ")" : "") << '\n';
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
