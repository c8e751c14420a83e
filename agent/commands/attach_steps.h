// The steps of an attach, and what is said of them on standard error.
#pragma once

#include <string>

#include "attach/session.h"
#include "base/error.h"

namespace heapwatch::agent::commands {

/// Attaches. Errors: those of attach::begin(), with the process named.
base::Result<void> attach_and_say(const attach::Evidence& evidence,
                                  const attach::SessionOptions& options);

/// Waits for CPython's hooks. False: there are none.
bool say_what_became_of_python(const memory::native::WatchedProcess& books);

/// Lets go; false when that could not be done. Nothing is said of a process that has ended.
bool let_go_and_say(const attach::Evidence& evidence, const std::string& library);

/// Attaches to the process of this number for another of our kind, and lets go when standard input
/// ends; see check/children/attacher.h.
[[nodiscard]] int stay_attached(const std::string& pid);

}  // namespace heapwatch::agent::commands
