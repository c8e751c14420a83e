// Diagnostics as lines, the way tests compare them.
#pragma once

#include <string>
#include <vector>

#include "config/value.h"

namespace heapwatch::config {

/// `error conf.yaml:1:2: message`, in the order they were found.
inline std::vector<std::string> lines(const Diagnostics& diagnostics) {
  std::vector<std::string> lines;
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    const bool error = diagnostic.severity == Diagnostic::Severity::error;
    lines.push_back((error ? "error " : "warning ") + to_text(diagnostic));
  }
  return lines;
}

}  // namespace heapwatch::config
