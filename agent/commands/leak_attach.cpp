#include "agent/commands/leak_attach.h"

#include <algorithm>
#include <utility>

#include "agent/commands/attach_steps.h"
#include "agent/commands/watching.h"
#include "attach/refusals.h"
#include "memory/native/find_books.h"

namespace heapwatch::agent::commands {

namespace {

/// As of a program that is started for it.
constexpr std::uint64_t sample_interval = std::uint64_t{64} * 1024;

}  // namespace

base::Result<std::unique_ptr<LeakAttachment>> LeakAttachment::begin(
    std::vector<LeakTarget>& targets) {
  const auto count = static_cast<std::size_t>(
      std::count_if(targets.begin(), targets.end(),
                    [](const LeakTarget& target) { return target.pid.has_value(); }));
  if (count == 0 || count > processes_max) {
    return base::fail(base::ErrorKind::invalid,
                      "--attach wants 1 to " + std::to_string(processes_max) +
                          " processes of this machine, not " + std::to_string(count));
  }
  const auto library = preload_library(preload_library_name);
  if (!library) {
    return tl::unexpected(library.error());
  }
  std::unique_ptr<LeakAttachment> attachment(new LeakAttachment(*library));
  for (LeakTarget& target : targets) {
    if (target.pid) {
      if (auto attached = attachment->attach_to(target); !attached) {
        return tl::unexpected(attached.error());
      }
    }
  }
  return attachment;
}

LeakAttachment::~LeakAttachment() {
  for (const attach::Evidence& process : processes_) {
    (void)let_go_and_say(process, library_);
  }
}

base::Result<void> LeakAttachment::attach_to(LeakTarget& target) {
  // It is watched already, by whoever has started it or attached to it.
  if (target.books) {
    return {};
  }
  const auto evidence = attach::look_for_session(*target.pid, preload::Python::automatic);
  if (!evidence) {
    return tl::unexpected(evidence.error());
  }
  if (auto begun =
          attach_and_say(*evidence, {.library = library_, .sample_interval = sample_interval});
      !begun) {
    return begun;
  }
  processes_.push_back(*evidence);
  std::shared_ptr<memory::native::WatchedProcess> books =
      memory::native::find_books(*target.pid, target.command);
  if (books == nullptr) {
    return base::fail(base::ErrorKind::io,
                      "the books of " + attach::named(*evidence) + " cannot be opened");
  }
  if (!attach::was_preloaded(*evidence)) {
    const attach::PythonAnswer python = attach::wait_for_python(*books);
    target.missing = python.is_watched ? "" : python.sentence;
  }
  target.books = [books] { return books; };
  target.is_attached = true;
  return {};
}

}  // namespace heapwatch::agent::commands
