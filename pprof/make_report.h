// From a profile and options to the text of a report.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "pprof/filter.h"
#include "pprof/graph.h"
#include "pprof/options.h"
#include "pprof/profile.h"

namespace heapwatch::pprof {

/// How a table is written.
enum class Encoding : std::uint8_t { text, json, csv };

/// True for the tables (text, tree and peek), and for JSON of goroutines.
[[nodiscard]] bool has_encoding(ReportKind kind, Encoding encoding);

/// What is asked for.
struct ReportRequest {
  ReportKind kind = ReportKind::text;
  std::string pattern{};  // of peek and list
  ReportOptions options{};
  Encoding encoding = Encoding::text;
};

/// What a report needs from outside.
struct ReportSeams {
  Warn warn;
  /// The content of a source file.
  std::function<base::Result<std::string>(const std::string& path)> read_source{};
  std::string working_folder{};
};

/// The whole report. Binary kinds (proto, topproto) come uncompressed.
///
/// Ownership: the profile is used up: filters work on it in place. `Session` keeps one for many.
/// Errors: invalid, with pprof's words.
[[nodiscard]] base::Result<std::string> make_report(Profile profile, const ReportRequest& request,
                                                    const ReportSeams& seams);

/// A profile as a report sees it: filtered, and blanked to the granularity. For those who draw from
/// the samples themselves, such as flame graphs.
struct PreparedProfile {
  Profile profile;
  SampleValue value;        // which value of a sample counts
  std::string type;         // its name, "mean_" in front when it is a mean
  std::string sample_unit;  // the unit in which it is measured
  std::int64_t total = 0;   // what percentages are of
  LabelUnits label_units;
};
[[nodiscard]] base::Result<PreparedProfile> prepare_profile(Profile profile,
                                                            const ReportOptions& options,
                                                            const Warn& warn);

/// A call in a table: the other function, and what flows through the call.
struct TableCall {
  std::string name;
  std::int64_t value = 0;
  bool is_inline = false;
  bool is_residual = false;  // functions between the two were left out
};

/// A row of top, or a block of tree and peek, which alone have calls.
struct TableRow {
  std::string name;
  std::string inline_label;  // "", "inline" or "partial-inline": how it is called in what is shown
  std::int64_t flat = 0;
  std::int64_t cum = 0;
  std::vector<TableCall> callers{};
  std::vector<TableCall> callees{};
};

/// A report of a kind that is a table, before it is written.
struct Table {
  std::vector<std::string> labels;  // the lines above the table
  std::string type;
  std::string unit;  // of the numbers
  std::string output_unit;
  double divide_by = 1;
  std::int64_t total = 0;
  bool has_calls = false;  // tree and peek
  std::vector<TableRow> rows;

  /// A number as the report writes it: `1.50MB`.
  [[nodiscard]] std::string text(std::int64_t value) const;
};

/// Ownership and errors: as make_report().
[[nodiscard]] base::Result<Table> make_table(Profile profile, const ReportRequest& request,
                                             const ReportSeams& seams);

/// The position of the value that `sample_index` names: a number, a type, or "" for the default.
/// Errors: invalid, naming what there is.
[[nodiscard]] base::Result<std::size_t> find_sample_index(const Profile& profile,
                                                          const std::string& sample_index);

/// The lines that tell what profile this is: `File: `, `Type: `, `Time: ` and so on.
[[nodiscard]] base::Result<std::vector<std::string>> describe_profile(const Profile& profile,
                                                                      const ReportOptions& options);

}  // namespace heapwatch::pprof
