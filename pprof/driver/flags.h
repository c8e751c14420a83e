// The flags of the command line.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "pprof/filter.h"
#include "pprof/report.h"

namespace heapwatch::pprof {

struct CommandLine {
  std::optional<ReportKind> kind;
  std::string pattern;
  ReportOptions options;
  std::vector<std::string> sources;
  std::string base;
  bool is_diff_base = false;
  int seconds = -1;
  int timeout_s = -1;
  std::string build_id;
  std::string add_comment;
  bool all_frames = false;
  bool wants_help = false;
};

/// Reads flags by Go's rules: one dash or two, `-flag=value` or `-flag value`, booleans with `=`
/// only, and no flags after the first source.
/// Errors: invalid; the message of a flag that is not known ends in what there is.
[[nodiscard]] base::Result<CommandLine> parse_command_line(std::span<const std::string> args,
                                                           const Warn& warn);

/// All flags with their defaults, for people.
[[nodiscard]] std::string usage();

}  // namespace heapwatch::pprof
