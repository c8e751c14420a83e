// Debugging information from servers, for programs whose own is on no disk here.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "symbols/debug_files.h"

namespace heapwatch::agent {

/// As the variables of elfutils' own client say it.
struct DebuginfodOptions {
  std::vector<std::string> servers{};  // $DEBUGINFOD_URLS; empty: none is asked
  std::string cache{};                 // the folder in which files stay: $DEBUGINFOD_CACHE_PATH
  std::chrono::seconds timeout{90};    // of one file: $DEBUGINFOD_TIMEOUT
  std::size_t bytes_max = std::size_t{1} << 30U;        // of one file: $DEBUGINFOD_MAXSIZE
  std::size_t all_bytes_max = std::size_t{4} << 30U;    // that one command fetches
  std::chrono::seconds all_time_max{300};               // that one command waits for servers
  std::function<void(const std::string& text)> warn{};  // is told of each server that fails, once
};
using ReadVariable = std::function<std::optional<std::string>(const char* name)>;
[[nodiscard]] DebuginfodOptions debuginfod_options(const ReadVariable& variable);

/// Looks for a build id in the cache, then asks the servers, in their order; what comes goes into
/// the cache. A server that fails is not asked again. Nothing else than the build id is sent.
/// Empty: no server is named.
[[nodiscard]] symbols::FindDebugFile find_by_debuginfod(DebuginfodOptions options);

}  // namespace heapwatch::agent
