// What all kinds of reports share: values as text, totals, header lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pprof/graph.h"
#include "pprof/make_report.h"
#include "pprof/trim.h"

namespace heapwatch::pprof {

/// A profile prepared for one report.
struct Report {
  Profile profile;
  ReportKind kind;
  std::string pattern;
  ReportOptions options;
  ReportSeams seams;
  SampleValue value;
  std::string type;  // "mean_" in front when it is one
  std::string sample_unit;
  std::string output_unit;  // chosen once the nodes are known
  LabelUnits label_units;
  std::int64_t total = 0;  // what percentages are of

  /// A value of the report's type in the report's unit.
  [[nodiscard]] std::string format(std::int64_t amount) const;
  /// divide_by as a factor.
  [[nodiscard]] double ratio() const { return 1 / options.divide_by; }
  [[nodiscard]] std::string percent(std::int64_t amount) const;
  [[nodiscard]] std::string name(const Node& node) const {
    return printable_name(node.info, profile.strings);
  }
};

/// Builds graphs for the report; file names lose the prefixes that the options name.
[[nodiscard]] GraphBuilder graph_builder(Report& report);
/// The trimmed graph, with the report's unit chosen for its nodes.
[[nodiscard]] TrimmedGraph graph_of(Report& report, EdgeWish::Kind edges,
                                    std::function<bool(const NodeInfo&)> is_wanted = {});

/// `File: `, `Type: ` and so on.
[[nodiscard]] std::vector<std::string> profile_labels(const Report& report);
/// The lines above a table or a picture.
[[nodiscard]] std::vector<std::string> report_labels(const Report& report,
                                                     const TrimmedGraph& trimmed, bool is_full);

/// `text` with spaces before it up to the width, counted in characters.
[[nodiscard]] std::string right_aligned(std::string_view text, std::size_t width);

/// The rows of top, tree and peek.
[[nodiscard]] base::Result<Table> table_of(Report& report);
[[nodiscard]] std::string table_json(const Table& table);
[[nodiscard]] std::string table_csv(const Table& table);

using ReportText = base::Result<std::string>;
[[nodiscard]] ReportText text_report(Report& report);
[[nodiscard]] ReportText tree_report(Report& report);
[[nodiscard]] ReportText traces_report(Report& report);
[[nodiscard]] ReportText raw_report(Report& report);
[[nodiscard]] ReportText tags_report(Report& report);
[[nodiscard]] ReportText comments_report(Report& report);
[[nodiscard]] ReportText list_report(Report& report);
[[nodiscard]] ReportText dot_report(Report& report);
[[nodiscard]] ReportText callgrind_report(Report& report);
[[nodiscard]] ReportText proto_report(Report& report);
[[nodiscard]] ReportText topproto_report(Report& report);
[[nodiscard]] ReportText goroutines_report(Report& report, Encoding encoding);

/// Filters the profile and finds which value is reported, in which unit.
[[nodiscard]] base::Result<Report> open_report(Profile profile, const ReportRequest& request,
                                               const ReportSeams& seams);

}  // namespace heapwatch::pprof
