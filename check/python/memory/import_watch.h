// Knows which import a thread is running, so that the memory of imports can be told apart.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check/python/object.h"

namespace heapwatch::check::python::memory {

/// Stands in front of the one function of CPython through which every module is imported that is
/// not imported yet. Frames and tracebacks show nothing of it.
///
/// Threads: with the GIL held.
class ImportWatch {
 public:
  static ImportWatch& instance();

  /// Errors: false, with a Python error set.
  [[nodiscard]] bool start();
  void stop();

  /// The module of an import's number; empty for 0.
  [[nodiscard]] const std::string& name(std::uint32_t import) const;

 private:
  ImportWatch() = default;

  Object original_;
  Object watching_;
};

}  // namespace heapwatch::check::python::memory
