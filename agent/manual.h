// The manual pages and the completions of shells, from the same description that --help is made of.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs
class App;
}  // namespace CLI

namespace heapwatch::agent {

struct Manual {
  std::string version;
  std::string date;        // of the version: 2026-11-29
  std::string pprof_help;  // of `heapwatch pprof`, which has a parser of its own
};

/// Writes `man1/heapwatch.1`, a page for each subcommand beside it, `bash` and `zsh` into a folder,
/// which is made. Errors: io.
[[nodiscard]] base::Result<void> write_manual(const CLI::App& app, const Manual& manual,
                                              const std::filesystem::path& folder);

}  // namespace heapwatch::agent
