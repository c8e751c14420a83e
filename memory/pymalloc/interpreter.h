// Whether a process has CPython in it, and which.
#pragma once

#include <optional>
#include <string>

#include "memory/process/modules.h"

namespace heapwatch::memory::pymalloc {

struct Interpreter {
  process::Module module;  // libpython, or the program itself
  std::string version;     // "3.11.2", "3.9" where only the file's name tells, or empty
};

/// The module that exports CPython's runtime.
[[nodiscard]] std::optional<Interpreter> find_interpreter(const process::ProcessView& view);

}  // namespace heapwatch::memory::pymalloc
