// Source lines with what they weigh.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/printable.h"
#include "pprof/report/report.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

constexpr std::int64_t lines_around = 5;

using NodeList = std::vector<const Node*>;

std::string below(const std::string& folder, const std::string& path) {
  return folder + "/" + path;
}

/// Finds and reads source files by the names in profiles.
class SourceReader {
 public:
  explicit SourceReader(const Report& report)
      : report_(report),
        folders_(report.options.source_path.empty() ? report.seams.working_folder
                                                    : report.options.source_path) {}

  [[nodiscard]] base::Result<std::string> read(std::string_view file) const {
    const std::string path(trim_path(file, report_.options.trim_path, folders_));
    if (path.starts_with('/')) {
      auto content = report_.seams.read_source(path);
      if (!content && content.error().kind == base::ErrorKind::not_found) {
        return base::fail(base::ErrorKind::not_found,
                          "open " + path + ": no such file or directory");
      }
      return content;
    }
    for (std::size_t at = 0; at < folders_.size();) {
      const std::size_t end = std::min(folders_.find(':', at), folders_.size());
      if (auto content = read_below(folders_.substr(at, end - at), path)) {
        return *content;
      }
      at = end + 1;
    }
    return base::fail(base::ErrorKind::not_found,
                      "could not find file " + path + " on path " + folders_);
  }

 private:
  /// Tries a folder and all above it.
  [[nodiscard]] std::optional<std::string> read_below(std::string folder,
                                                      const std::string& path) const {
    while (true) {
      if (auto content = report_.seams.read_source(clean_path(below(folder, path)))) {
        return std::move(*content);
      }
      const std::size_t slash = folder.rfind('/');
      if (slash == std::string::npos || folder == "/") {
        return std::nullopt;
      }
      folder.resize(std::max<std::size_t>(slash, 1));
    }
  }

  const Report& report_;
  std::string folders_;
};

Weight sum_of(const NodeList& nodes, Weight Node::*side) {
  Weight sum;
  for (const Node* node : nodes) {
    sum.add(node->*side);
  }
  return sum;
}

std::string value_or_dot(const Report& report, std::int64_t value) {
  return value == 0 ? "." : report.format(value);
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
