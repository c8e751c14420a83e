// The table of nodes (top, text), and the table with what calls and is called (tree, peek).
#include <optional>

#include "pprof/report/report.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

constexpr std::string_view separator =
    "----------------------------------------------------------+-------------\n";
constexpr std::string_view table_head = "      flat  flat%   sum%        cum   cum%\n";
constexpr std::string_view tree_head =
    "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t \n";

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

std::string_view inline_label(const Graph& graph, const Node& node) {
  bool has_inline = false;
  bool has_call = false;
  for (const std::uint32_t edge : node.in) {
    (graph.edges[edge].is_inline ? has_inline : has_call) = true;
  }
  if (!has_inline) return "";
  return has_call ? " (partial-inline)" : " (inline)";
}

void append_edges(std::string& out, const Report& report, const Graph& graph,
                  std::vector<std::uint32_t> edges, std::uint32_t Edge::*end, std::int64_t cum) {
  sort_edges(edges, graph, report.profile.strings);
  for (const std::uint32_t at : edges) {
    const Edge& edge = graph.edges[at];
    out += right_aligned(report.format(edge.weight.sum), 50);
    out += " " + percentage(edge.weight.sum, cum) + " |   " + report.name(graph.nodes[edge.*end]);
    out += edge.is_inline ? " (inline)\n" : "\n";
  }
}

}  // namespace

ReportText text_report(Report& report) {
  const TrimmedGraph trimmed = graph_of(report, Detail::inline_edges);
  const Graph& graph = trimmed.graph;
  std::string out = joined_lines(report_labels(report, trimmed, false));
  out += table_head;
  std::int64_t sum = 0;
  for (const std::uint32_t at : graph.order) {
    const Node& node = graph.nodes[at];
    const std::int64_t flat = node.flat.value();
    const std::int64_t cum = node.cum.value();
    sum = wrapping_add(sum, flat);
    out += right_aligned(report.format(flat), 10) + " " + report.percent(flat) + " " +
           report.percent(sum) + " " + right_aligned(report.format(cum), 10) + " " +
           report.percent(cum) + "  " + report.name(node);
    out += inline_label(graph, node);
    out += '\n';
  }
  return out;
}

ReportText tree_report(Report& report) {
  std::optional<Regex> wanted;
  if (report.kind == ReportKind::peek) {
    auto compiled = Regex::compile(report.pattern);
    if (!compiled) return tl::unexpected(compiled.error());
    wanted = std::move(*compiled);
  }
  const TrimmedGraph trimmed = graph_of(report, Detail::edges);
  const Graph& graph = trimmed.graph;
  std::string out = joined_lines(report_labels(report, trimmed, false));
  out += separator;
  out += tree_head;
  std::int64_t sum = 0;
  bool matched = false;
  for (const std::uint32_t at : graph.order) {
    const Node& node = graph.nodes[at];
    const std::string name = report.name(node);
    if (wanted && !wanted->matches(name)) continue;
    matched = true;
    const std::int64_t flat = node.flat.value();
    const std::int64_t cum = node.cum.value();
    out += separator;
    append_edges(out, report, graph, node.in, &Edge::from, cum);
    sum = wrapping_add(sum, flat);
    out += right_aligned(report.format(flat), 10) + " " + report.percent(flat) + " " +
           report.percent(sum) + " " + right_aligned(report.format(cum), 10) + " " +
           report.percent(cum) + "                | " + name + "\n";
    append_edges(out, report, graph, node.out, &Edge::to, cum);
  }
  if (!graph.order.empty()) out += separator;
  if (wanted && !matched) {
    return base::fail(base::ErrorKind::not_found, "no matches found for regexp: " + report.pattern);
  }
  return out;
}

}  // namespace heapwatch::pprof
