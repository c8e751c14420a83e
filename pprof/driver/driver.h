// The command line of `pprof`, as its users type it.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "pprof/parse.h"

namespace heapwatch::pprof {

struct FetchRequest {
  std::string url;
  int seconds = -1;  // of a profile over time; -1: as the URL says
  int timeout_s = -1;
};

/// What the command needs from outside, so that it opens no connection itself.
struct Seams {
  /// The bytes of a profile behind a URL. Empty: only files are read.
  std::function<base::Result<std::string>(const FetchRequest&)> fetch;
  std::function<std::optional<std::string>(const char* name)> environment;
  std::string working_folder;
  bool output_is_terminal = false;
  ParseLimits limits;
};

/// Runs `pprof args...`: reads the sources, and writes the report that the flags ask for.
/// Returns the exit code: 0, or 2 with the error on `err`.
int run_pprof(std::span<const std::string> args, std::ostream& out, std::ostream& err,
              const Seams& seams);

}  // namespace heapwatch::pprof
