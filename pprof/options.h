// The settings of a report, spelled as pprof spells them.
#pragma once

#include <cstdint>
#include <string>

namespace heapwatch::pprof {

/// What a node of a report stands for.
enum class Granularity : std::uint8_t { functions, filefunctions, files, lines, addresses };

// One of each is alive: the order is that in which people know the settings.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct ReportOptions {
  std::string output;  // a file to write to instead of the standard output
  bool call_tree = false;
  bool relative_percentages = false;
  std::string unit = "minimum";
  bool compact_labels = false;
  std::string source_path;
  std::string trim_path;
  bool intel_syntax = false;
  bool mean = false;
  std::string sample_index;
  double divide_by = 1.0;
  bool normalize = false;
  bool sort_by_cum = false;
  std::string tagroot;
  std::string tagleaf;
  bool drop_negative = false;
  std::int64_t nodecount = -1;  // -1: each kind of report has its own
  double nodefraction = 0.005;
  double edgefraction = 0.001;
  bool trim = true;
  std::string focus;
  std::string ignore;
  std::string prune_from;
  std::string hide;
  std::string show;
  std::string show_from;
  std::string tagfocus;
  std::string tagignore;
  std::string tagshow;
  std::string taghide;
  bool noinlines = false;
  bool showcolumns = false;
  Granularity granularity = Granularity::functions;
};

enum class ReportKind : std::uint8_t {
  text,
  tree,
  peek,
  traces,
  raw,
  tags,
  comments,
  list,
  dot,
  callgrind,
  proto,
  topproto,
};

/// The settings with which this kind of report really works.
[[nodiscard]] ReportOptions effective_options(ReportKind kind, ReportOptions options);

}  // namespace heapwatch::pprof
