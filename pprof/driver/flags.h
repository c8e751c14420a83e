// The flags of the command line.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "pprof/driver/formats.h"
#include "pprof/filter.h"
#include "pprof/make_report.h"
#include "pprof/parse.h"

namespace heapwatch::pprof {

struct TlsFiles {
  std::string certificate;
  std::string key;
  std::string authority;
};

// One of each is alive.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct CommandLine {
  std::optional<Format> format;  // none: a shell, or pages when `http` is set
  std::string pattern;           // of formats that take one
  Encoding encoding = Encoding::text;
  ReportOptions options;
  std::string program;               // the binary that was profiled, when one is named
  std::vector<std::string> sources;  // files and URLs
  std::string base;
  bool is_diff_base = false;
  int seconds = -1;
  int timeout_s = -1;
  std::string build_id;
  std::string add_comment;
  bool all_frames = false;
  std::string symbolize;  // see parse_symbolize_mode()
  std::string tools;
  std::optional<std::string> http;  // where to serve pages: host:port
  bool no_browser = false;
  std::string web_config;  // of -http: a file of who may ask; empty: none
  TlsFiles tls;
  ParseLimits limits;
  bool wants_help = false;
};

/// A flag of the caller's own beside pprof's.
struct ExtraFlag {
  std::string name;
  bool is_switch = false;  // it has no value but what follows `=`
  std::string help;
  /// Called for each time it is given; a switch without a value gets "true".
  std::function<base::Result<void>(const std::string& value)> set;
};

/// Reads flags by Go's rules: one dash or two, `-flag=value` or `-flag value`, switches with `=`
/// only, and no flags after the first source.
/// Errors: invalid; the message of a flag that is not known ends in what there is.
[[nodiscard]] base::Result<CommandLine> parse_command_line(std::span<const std::string> args,
                                                           const Warn& warn,
                                                           std::span<const ExtraFlag> extra = {});

/// All flags with what they do, for people.
[[nodiscard]] std::string usage(std::span<const ExtraFlag> extra = {});
/// The part of usage() that lists the flags.
[[nodiscard]] std::string flag_list(std::span<const ExtraFlag> extra = {});

}  // namespace heapwatch::pprof
