// Names for profiles by the files of this machine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pprof/code.h"
#include "pprof/driver/symbolize.h"
#include "symbols/debug_files.h"

namespace heapwatch::agent {

/// Where debugging information lies that is not in the files themselves.
struct DebugFiles {
  std::vector<std::string> folders = {"/usr/lib/debug"};
  symbols::FindDebugFile find{};  // what is in none of the folders
};
/// $HEAPWATCH_DEBUG_PATH: folders with colons between, before the one that is always looked in.
[[nodiscard]] DebugFiles debug_files(const std::optional<std::string>& path);

/// Sets what asks no program. Files are opened when a profile needs them.
void use_local_symbols(pprof::SymbolSeams& seams, const DebugFiles& files);
/// Who reads the instructions of files of this machine.
[[nodiscard]] pprof::CodeSeams local_code(const DebugFiles& files);

}  // namespace heapwatch::agent
