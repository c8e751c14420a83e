// What the command can be asked for, by the names of its flags.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "pprof/options.h"

namespace heapwatch::pprof {

enum class Format : std::uint8_t {
  callgrind,
  comments,
  disasm,
  dot,
  eog,
  evince,
  flame,
  gif,
  goroutines,
  gv,
  kcachegrind,
  list,
  pdf,
  peek,
  png,
  proto,
  ps,
  raw,
  svg,
  tags,
  text,
  top,
  topproto,
  traces,
  tree,
  web,
  weblist,
};

struct FormatInfo {
  Format format;
  std::string_view name;
  ReportKind kind;             // the report it is, or that it is made from
  bool is_report;              // nothing has to be made of the report's text
  bool takes_pattern;          // `-peek=REGEXP`
  std::string_view extension;  // of the file it goes to rather than to a terminal; empty: none
  std::string_view help;
};

/// All formats, by name; a format's number is its position.
[[nodiscard]] std::span<const FormatInfo> all_formats();
[[nodiscard]] const FormatInfo& info_of(Format format);
/// Null when there is no format of this name.
[[nodiscard]] const FormatInfo* find_format(std::string_view name);

}  // namespace heapwatch::pprof
