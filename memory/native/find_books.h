// The books of a process that another heapwatch has started, or that has loaded the library.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "memory/native/watched_process.h"

namespace heapwatch::memory::native {

/// By the file of its books, which it holds open or has mapped; what is mapped alone only root may
/// open. Null: it has none, or they may not be opened. `proc`: where /proc is.
[[nodiscard]] std::unique_ptr<WatchedProcess> find_books(pid_t pid, const std::string& name = "",
                                                         const std::string& proc = "/proc");

}  // namespace heapwatch::memory::native
