// The lines above a report: which profile it is of, what was filtered, and how much is shown.
#include <string>
#include <utility>
#include <vector>

#include "pprof/report/go_time.h"
#include "pprof/report/report.h"
#include "pprof/truncate.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

constexpr std::size_t filter_text_max = 80;
constexpr std::string_view graph_help = "\nSee https://git.io/JfYMW for how to read the graph";

/// The settings of `name=value` filters, in the order in which they are written.
std::vector<std::string> active_filters(const ReportOptions& options) {
  const std::pair<const char*, const std::string*> all[] = {
      {"focus", &options.focus},         {"ignore", &options.ignore},
      {"hide", &options.hide},           {"show", &options.show},
      {"show_from", &options.show_from}, {"tagfocus", &options.tagfocus},
      {"tagignore", &options.tagignore}, {"tagshow", &options.tagshow},
      {"taghide", &options.taghide}};
  std::vector<std::string> lines;
  for (const auto& [name, value] : all) {
    if (value->empty()) {
      continue;
    }
    std::string text = std::string(name) + "=" + *value;
    if (text.size() > filter_text_max) {
      text = text.substr(0, filter_text_max) + "…";
    }
    lines.push_back("   " + text);
  }
  if (!lines.empty()) {
    lines.insert(lines.begin(), "Active filters:");
  }
  return lines;
}

std::string dropped_label(std::size_t count, std::string what, const char* measure,
                          const std::string& limit) {
  if (count > 1) {
    what += 's';
  }
  return "Dropped " + std::to_string(count) + " " + what + " (" + measure + " <= " + limit + ")";
}

}  // namespace

std::vector<std::string> profile_labels(const Report& report) {
  const Profile& profile = report.profile;
  std::vector<std::string> labels;
  if (!profile.mappings.empty()) {
    const Mapping& program = profile.mappings[0];
    if (program.file != 0) {
      labels.push_back("File: " + std::string(base_name(profile.text(program.file))));
    }
    if (program.build_id != 0) {
      labels.push_back("Build ID: " + std::string(profile.text(program.build_id)));
    }
  }
  for (const StringId comment : profile.comments) {
    if (!profile.text(comment).starts_with('#')) {
      labels.emplace_back(profile.text(comment));
    }
  }
  if (!report.type.empty()) {
    labels.push_back("Type: " + report.type);
  }
  if (profile.doc_url != 0) {
    labels.push_back("Doc: " + std::string(profile.text(profile.doc_url)));
  }
  if (profile.time_nanos != 0) {
    labels.push_back("Time: " + local_time(profile.time_nanos, "%Y-%m-%d %H:%M:%S %Z"));
  }
  if (profile.duration_nanos != 0) {
    const Scaled total = scale(report.total, report.sample_unit, "nanoseconds");
    std::string ratio;
    if (total.unit == "ns" && total.value != 0) {
      ratio = "(" + percentage(truncate_to_int(total.value), profile.duration_nanos) + ")";
    }
    labels.push_back("Duration: " + scaled_label(profile.duration_nanos, "nanoseconds", "auto") +
                     ", Total samples = " + report.format(report.total) + " " + ratio);
  }
  return labels;
}

std::vector<std::string> report_labels(const Report& report, const TrimmedGraph& trimmed,
                                       bool is_full) {
  std::vector<std::string> labels;
  if (is_full || !report.options.compact_labels) {
    labels = profile_labels(report);
  }
  const std::vector<std::string> filters = active_filters(report.options);
  labels.insert(labels.end(), filters.begin(), filters.end());

  std::int64_t flat = 0;
  for (const std::uint32_t at : trimmed.graph.order) {
    flat = wrapping_add(flat, trimmed.graph.nodes[at].flat.value());
  }
  labels.push_back("Showing nodes accounting for " + report.format(flat) + ", " +
                   std::string(without_padding(report.percent(flat))) + " of " +
                   report.format(report.total) + " total");
  const auto limit = [&](double fraction) {
    return report.format(
        wrapping_abs(truncate_to_int(static_cast<double>(report.total) * fraction)));
  };
  if (report.total != 0) {
    if (trimmed.dropped_nodes > 0) {
      labels.push_back(
          dropped_label(trimmed.dropped_nodes, "node", "cum", limit(report.options.nodefraction)));
    }
    if (is_full && trimmed.dropped_edges > 0) {
      labels.push_back(
          dropped_label(trimmed.dropped_edges, "edge", "freq", limit(report.options.edgefraction)));
    }
    const std::size_t shown = trimmed.graph.order.size();
    if (shown > 0 && shown < trimmed.node_count_before) {
      labels.push_back("Showing top " + std::to_string(shown) + " nodes out of " +
                       std::to_string(trimmed.node_count_before));
    }
  }
  if (is_full) {
    labels.emplace_back(graph_help);
  }
  return labels;
}

}  // namespace heapwatch::pprof
