// Source lines with what they weigh.
#include <algorithm>
#include <map>
#include <set>

#include "base/printable.h"
#include "pprof/report/report.h"
#include "pprof/report/source.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

using NodeList = std::vector<const Node*>;

Weight sum_of(const NodeList& nodes, Weight Node::*side) {
  Weight sum;
  for (const Node* node : nodes) {
    sum.add(node->*side);
  }
  return sum;
}

struct LineRange {
  std::int64_t first;
  std::int64_t last;
};

/// From where the function starts, or a little before its first line, to a little after its last.
LineRange lines_to_show(const NodeList& nodes) {
  const auto start_of = [](const Node& node) {
    return node.info.start_line != 0 ? node.info.start_line
                                     : wrapping_add(node.info.line, -lines_around);
  };
  LineRange range{start_of(*nodes[0]), wrapping_add(nodes[0]->info.line, lines_around)};
  for (const Node* node : nodes) {
    const std::int64_t start = start_of(*node);
    // A node that lowers the start does not raise the end.
    if (start < range.first) {
      range.first = start;
    } else {
      range.last = std::max(range.last, wrapping_add(node->info.line, lines_around));
    }
  }
  range.first = std::max<std::int64_t>(range.first, 1);
  return range;
}

void append_lines(std::string& out, const Report& report, const NodeList& nodes,
                  const LineRange& range, std::string_view content) {
  std::map<std::int64_t, NodeList> by_line;
  for (const Node* node : nodes) {
    by_line[node->info.line].push_back(node);
  }
  for (std::int64_t number = 1; number <= range.last && !content.empty(); ++number) {
    const std::size_t end = content.find('\n');
    std::string_view line = content.substr(0, end);
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    if (number < range.first) {
      continue;
    }
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    const auto found = by_line.find(number);
    const NodeList none;
    const NodeList& here = found == by_line.end() ? none : found->second;
    out += right_aligned(value_or_dot(report, sum_of(here, &Node::flat).sum), 10) + " " +
           right_aligned(value_or_dot(report, sum_of(here, &Node::cum).sum), 10) + " " +
           right_aligned(std::to_string(number), 6) + ":" + base::printable_lines(line) + "\n";
  }
}

}  // namespace

ReportText list_report(Report& report) {
  const auto wanted = Regex::compile(report.pattern);
  if (!wanted) {
    return tl::unexpected(wanted.error());
  }
  const GraphBuilder builder = graph_builder(report);
  const Graph graph = builder.build({}, builder.weigh(), {});
  std::map<std::string, std::map<std::string, NodeList>> functions;
  for (const std::uint32_t at : graph.order) {
    const Node& node = graph.nodes[at];
    const std::string_view name = report.profile.text(node.info.name);
    if (!wanted->matches(name)) {
      continue;
    }
    functions[std::string(name)][std::string(report.profile.text(node.info.file))].push_back(&node);
  }
  if (functions.empty()) {
    return base::fail(base::ErrorKind::not_found, "no matches found for regexp: " + report.pattern);
  }
  const SourceReader reader(report);
  std::set<std::string> missed;
  std::string out = "Total: " + report.format(report.total) + "\n";
  for (const auto& [name, files] : functions) {
    if (files.size() == 1 && files.begin()->first.empty()) {
      out += "No source information for ";
      out += base::printable(name) + "\n";
    }
    for (const auto& [file, nodes] : files) {
      if (file.empty()) {
        continue;
      }
      const std::int64_t cum = sum_of(nodes, &Node::cum).sum;
      out += "ROUTINE ======================== ";
      out += base::printable(name) + " in ";
      out += base::printable(file) + "\n";
      out += right_aligned(report.format(sum_of(nodes, &Node::flat).sum), 10) + " " +
             right_aligned(report.format(cum), 10) + " (flat, cum) " + report.percent(cum) +
             " of Total\n";
      const LineRange range = lines_to_show(nodes);
      // Without a line to show the file is not asked for, and only missed if it was missed before.
      if (range.first > range.last && !missed.contains(file)) {
        continue;
      }
      if (const auto content = reader.read(file)) {
        append_lines(out, report, nodes, range, *content);
      } else {
        out += " Error: " + base::printable(content.error().message) + "\n";
        missed.insert(file);
      }
    }
  }
  return out;
}

}  // namespace heapwatch::pprof
