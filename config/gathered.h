// The diagnostics of many files in one.
#pragma once

#include "config/value.h"

namespace heapwatch::config {

/// Adds those of a further file. Unlike Diagnostics::append() it does not look for what is there
/// already: there may be a hundred thousand files, and none has a diagnostic of another.
inline void gather(const Diagnostics& of_file, Diagnostics& all) {
  for (const Diagnostic& one : of_file.all()) {
    if (one.severity == Diagnostic::Severity::error) {
      all.error(one.file, one.line, one.column, one.message);
    } else {
      all.warning(one.file, one.line, one.column, one.message);
    }
  }
}

}  // namespace heapwatch::config
