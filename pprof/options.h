// The settings of a report, spelled as pprof spells them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"

namespace heapwatch::pprof {

/// What a node of a report stands for. `unset` means functions, where a report has no other wish.
enum class Granularity : std::uint8_t { unset, functions, filefunctions, files, lines, addresses };

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
  Granularity granularity = Granularity::unset;
};

/// One setting: how people name it, and where it stands in ReportOptions.
struct Option {
  using Member =
      std::variant<bool ReportOptions::*, std::int64_t ReportOptions::*, double ReportOptions::*,
                   std::string ReportOptions::*, Granularity ReportOptions::*>;

  std::string_view name;
  std::string_view url;  // its name in the query of a page; empty where pages do not have it
  Member member;
  std::span<const std::string_view> choices;  // the values of a group, by position; often none
  std::string_view help;

  /// True for settings that are on or off, which groups of choices are not.
  [[nodiscard]] bool is_switch() const {
    return std::holds_alternative<bool ReportOptions::*>(member) && choices.empty();
  }
};

/// All settings, by name.
[[nodiscard]] std::span<const Option> all_options();
/// The setting of this name, or of which this is one of the choices (`cum`, `lines`); or null.
[[nodiscard]] const Option* find_option(std::string_view name);

/// The value as people write it: "true", "0.005", "cum"; empty for none.
[[nodiscard]] std::string option_value(const ReportOptions& options, const Option& option);
/// Reads a value: t, true, yes, y, 1 or nothing for a switch, and their opposites.
/// Errors: invalid, with pprof's words.
[[nodiscard]] base::Result<void> set_option(ReportOptions& options, const Option& option,
                                            std::string_view value);

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
  goroutines,
};

/// The settings with which this kind of report really works.
[[nodiscard]] ReportOptions effective_options(ReportKind kind, ReportOptions options);

}  // namespace heapwatch::pprof
