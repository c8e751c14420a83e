// An injection by a process of its own, which a terminal's signals do not reach.
#pragma once

#include "attach/injection.h"

namespace heapwatch::attach {

/// As inject(), in a process that is forked for it: with its end the kernel lets go of every thread
/// that it may still trace, such as one that did not stop in time. It goes on when we are killed.
///
/// Not beside threads of ours that hold locks: it forks.
[[nodiscard]] base::Result<Injection> inject_apart(const Evidence& evidence,
                                                   const InjectionOptions& options);

}  // namespace heapwatch::attach
