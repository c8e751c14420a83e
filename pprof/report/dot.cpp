// The graph as Graphviz reads it.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/text.h"
#include "pprof/report/report.h"
#include "pprof/report/shorten.h"
#include "pprof/truncate.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

std::string escaped(std::string text) {
  text = replaced(std::move(text), "\\", "\\\\");
  text = replaced(std::move(text), "\"", "\\\"");
  return replaced(std::move(text), "\n", "\\l");
}

/// Grey at 0 over yellow to red at 1, and to green at -1.
std::string color(double score, bool is_background) {
  constexpr double exponent = 0.3;
  constexpr double grey_below = 0.2;
  double saturation = is_background ? 0.1 : 1.0;
  const double value = is_background ? 0.93 : 0.7;
  // Nothing of nothing is no number, and remains none.
  if (!std::isnan(score)) {
    score = std::max(-1.0, std::min(1.0, score));
  }
  if (std::abs(score) < grey_below) {
    saturation *= std::abs(score) / grey_below;
  }
  if (score > 0) {
    score = std::pow(score, exponent);
  }
  if (score < 0) {
    score = -std::pow(-score, exponent);
  }
  double red = value;
  double green = value;
  if (score < 0) {
    red = value * (1 + saturation * score);
  } else {
    green = value * (1 - saturation * score);
  }
  const double blue = value * (1 - saturation);
  std::string text = "#";
  for (const double part : {red, green, blue}) {
    const auto byte = static_cast<unsigned>(static_cast<std::uint8_t>(truncate_to_int(part * 255)));
    base::append_hex(text, byte, 2);
  }
  return text;
}

class DotWriter {
 public:
  DotWriter(Report& report, TrimmedGraph& trimmed)
      : report_(report), trimmed_(trimmed), graph_(trimmed.graph), number_(graph_.nodes.size()) {
    const auto& mappings = report.profile.mappings;
    if (!mappings.empty() && mappings[0].file != 0) {
      title_ = base_name(report.profile.text(mappings[0].file));
    }
  }

  std::string run() {
    out_ = "digraph \"" + (title_.empty() ? "unnamed" : title_) + "\" {\n";
    out_ += "node [style=filled fillcolor=\"#f8f8f8\"]\n";
    write_legend();
    double max_flat = 0;
    for (std::size_t i = 0; i < graph_.order.size(); ++i) {
      const Node& node = graph_.nodes[graph_.order[i]];
      number_[graph_.order[i]] = i + 1;
      max_flat = std::max(max_flat, static_cast<double>(wrapping_abs(node.flat.value())));
    }
    std::vector<bool> has_boxes(graph_.nodes.size());
    std::vector<std::uint32_t> edges;
    for (const std::uint32_t at : graph_.order) {
      write_node(graph_.nodes[at], number_[at], max_flat);
      has_boxes[at] = write_boxes(graph_.nodes[at], number_[at]);
      edges.insert(edges.end(), graph_.nodes[at].out.begin(), graph_.nodes[at].out.end());
    }
    sort_edges(edges, graph_, report_.profile.strings);
    for (const std::uint32_t at : edges) {
      write_edge(graph_.edges[at], has_boxes[graph_.edges[at].from]);
    }
    return std::move(out_) + "}\n";
  }

 private:
  [[nodiscard]] std::string share(std::int64_t value) const {
    return std::string(without_padding(report_.percent(value)));
  }
  [[nodiscard]] double score(std::int64_t value) const {
    return static_cast<double>(value) / static_cast<double>(wrapping_abs(report_.total));
  }

  void write_legend() {
    const std::vector<std::string> labels = report_labels(report_, trimmed_, true);
    out_ += "subgraph cluster_L { \"" + escaped(labels[0]) + "\" [shape=box fontsize=16 label=\"";
    for (std::size_t i = 0; i < labels.size(); ++i) {
      out_ += (i == 0 ? "" : "\\l") + escaped(labels[i]);
    }
    out_ += "\\l\"";
    if (!title_.empty()) {
      out_ += " tooltip=\"" + title_ + "\"";
    }
    out_ += "] }\n";
  }

  /// The parts of the name on lines of their own.
  [[nodiscard]] std::string multiline_name(const NodeInfo& info) const {
    const Profile& profile = report_.profile;
    std::string name = escaped(shortened_name(profile.text(info.name)));
    name = replaced(std::move(name), "::", "\\n");
    // Go's mark of type parameters is no separator.
    name = replaced(std::move(name), "[...]", "[…]");
    name = replaced(std::move(name), ".", "\\n");
    const std::string_view file = profile.text(info.file);
    std::string out;
    for (const std::string& part : name_parts(info, name, file.empty() ? file : base_name(file),
                                              profile.text(info.object_file))) {
      out += part + "\\n";
    }
    return out;
  }

  void write_node(const Node& node, std::size_t number, double max_flat) {
    const std::int64_t flat = node.flat.value();
    const std::int64_t cum = node.cum.value();
    const std::string flat_text = report_.format(flat);
    std::string cum_text = flat_text;
    std::string label = multiline_name(node.info);
    label += flat == 0 ? "0" : flat_text + " (" + share(flat) + ")";
    if (cum != flat) {
      cum_text = report_.format(cum);
      label += (flat == 0 ? " of " : "\\nof ") + cum_text + " (" + share(cum) + ")";
    }
    std::int64_t font_size = 8;
    const auto size = static_cast<double>(wrapping_abs(flat));
    if (max_flat != 0 && flat != 0 && size <= max_flat) {
      font_size += truncate_to_int(std::ceil(16.0 * std::sqrt(size / max_flat)));
    }
    out_ += "N" + std::to_string(number) + " [label=\"" + label + "\" id=\"node" +
            std::to_string(number) + "\" fontsize=" + std::to_string(font_size) +
            " shape=box tooltip=\"" + escaped(report_.name(node)) + " (" + cum_text +
            ")\" color=\"" + color(score(cum), false) + "\" fillcolor=\"" +
            color(score(cum), true) + "\"]\n";
  }

  void write_box(const std::string& source, const std::string& box, const std::string& name,
                 const std::string& weight, const char* style) {
    out_ += box + " [label = \"" + name + "\" id=\"" + box +
            "\" fontsize=8 shape=box3d tooltip=\"" + weight + "\"]\n";
    out_ += source + " -> " + box + " [label=\" " + weight + "\" weight=100 tooltip=\"" + weight +
            "\" labeltooltip=\"" + weight + "\"" + style + "]\n";
  }
  bool write_boxes(Node& node, std::size_t number);
  void write_number_boxes(std::vector<Tag> tags, bool by_flat, const std::string& source);
  [[nodiscard]] static std::vector<Tag> grouped(std::vector<Tag> tags, bool by_flat);
  void write_edge(const Edge& edge, bool has_boxes);

  Report& report_;
  TrimmedGraph& trimmed_;
  Graph& graph_;
  std::string title_;
  std::vector<std::size_t> number_;  // in the picture; 0 is a node that is not shown
  std::string out_;
};

bool DotWriter::write_boxes(Node& node, std::size_t number) {
  const std::size_t before = out_.size();
  // A leaf also shows what its removed callees brought it.
  const bool by_flat = !node.out.empty();
  std::map<std::uint32_t, std::vector<Tag>> numbers;
  for (const Tag& tag : node.number_tags) {
    numbers[tag.group].push_back(tag);
  }
  sort_tags(node.text_tags, by_flat);
  const std::string source = "N" + std::to_string(number);
  for (std::size_t i = 0; i < std::min(node.text_tags.size(), boxes_max); ++i) {
    const Tag& tag = node.text_tags[i];
    const std::int64_t value = (by_flat ? tag.flat : tag.cum).value();
    if (value == 0) {
      continue;
    }
    std::string box = source;
    box += "_" + std::to_string(i);
    write_box(source, box, tag.name, report_.format(value), "");
    if (const auto own = numbers.find(tag.group); own != numbers.end()) {
      write_number_boxes(own->second, by_flat, box);
    }
  }
  if (const auto own = numbers.find(0); own != numbers.end()) {
    write_number_boxes(own->second, by_flat, source);
  }
  return out_.size() != before;
}

void DotWriter::write_number_boxes(std::vector<Tag> tags, bool by_flat, const std::string& source) {
  const std::vector<Tag> shown = grouped(std::move(tags), by_flat);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const Tag& tag = shown[i];
    const bool is_solid = by_flat || tag.flat.value() == tag.cum.value();
    const std::int64_t value = (is_solid ? tag.flat : tag.cum).value();
    if (value == 0) {
      continue;
    }
    std::string box = "N";
    box += source;
    box += "_" + std::to_string(i);
    write_box(source, box, tag.name, report_.format(value), is_solid ? "" : " style=\"dotted\"");
  }
}

/// Puts the lighter tags to the nearest of the heaviest ones: `16B..64B`.
std::vector<Tag> DotWriter::grouped(std::vector<Tag> tags, bool by_flat) {
  sort_tags(tags, by_flat);
  if (tags.size() <= boxes_max) {
    return tags;
  }
  std::array<std::vector<const Tag*>, boxes_max> groups;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const Tag& tag = tags[i];
    std::size_t nearest = i;
    if (i >= boxes_max) {
      const auto distance = [&](std::size_t group) {
        const Tag& to = *groups[group][0];
        return std::abs(scale(to.value, to.unit, tag.unit).value - static_cast<double>(tag.value));
      };
      nearest = 0;
      for (std::size_t group = 1; group < boxes_max; ++group) {
        if (distance(group) < distance(nearest)) {
          nearest = group;
        }
      }
    }
    groups[nearest].push_back(&tag);
  }
  std::vector<Tag> out;
  for (const auto& group : groups) {
    const Tag* min = group[0];
    const Tag* max = group[0];
    Tag& all = out.emplace_back();
    for (const Tag* tag : group) {
      if (truncate_to_int(scale(tag->value, tag->unit, min->unit).value) < min->value) {
        min = tag;
      }
      if (truncate_to_int(scale(tag->value, tag->unit, max->unit).value) > max->value) {
        max = tag;
      }
      all.flat.add(tag->flat);
      all.cum.add(tag->cum);
    }
    all.flat = {all.flat.value(), 0};
    all.cum = {all.cum.value(), 0};
    all.name = scaled_label(min->value, min->unit, "auto");
    if (group.size() > 1) {
      all.name += ".." + scaled_label(max->value, max->unit, "auto");
    }
  }
  sort_tags(out, by_flat);
  return out;
}

void DotWriter::write_edge(const Edge& edge, bool has_boxes) {
  const std::int64_t value = edge.weight.value();
  const std::string weight = report_.format(value);
  std::string attributes = "label=\" " + weight + (edge.is_inline ? "\\n (inline)" : "") + "\"";
  if (report_.total != 0) {
    // A difference may weigh more than the total.
    const auto part = [&](std::int64_t most) {
      const std::int64_t times = wrapping_multiply(value, most);
      const std::int64_t share =
          report_.total == -1 ? wrapping_negate(times) : times / report_.total;
      return std::min(wrapping_abs(share), most);
    };
    if (part(100) > 0) {
      attributes += " weight=" + std::to_string(1 + part(100));
    }
    if (part(5) > 0) {
      attributes += " penwidth=" + std::to_string(1 + part(5));
    }
    attributes += " color=\"" + color(score(value), false) + "\"";
  }
  const std::string tooltip = "\"" + escaped(report_.name(graph_.nodes[edge.from])) +
                              (edge.is_residual ? " ... " : " -> ") +
                              escaped(report_.name(graph_.nodes[edge.to])) + " (" + weight + ")\"";
  attributes += " tooltip=" + tooltip + " labeltooltip=" + tooltip;
  if (edge.is_residual) {
    attributes += " style=\"dotted\"";
  }
  if (has_boxes) {
    attributes += " minlen=2";
  }
  out_ += "N" + std::to_string(number_[edge.from]) + " -> N" + std::to_string(number_[edge.to]) +
          " [" + attributes + "]\n";
}

}  // namespace

ReportText dot_report(Report& report) {
  TrimmedGraph trimmed = graph_of(report, EdgeWish::Kind::all);
  return DotWriter(report, trimmed).run();
}

}  // namespace heapwatch::pprof
