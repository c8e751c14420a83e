// The reports that go through the samples one by one: traces, tags, comments.
#include <algorithm>
#include <map>
#include <utility>

#include "base/printable.h"
#include "pprof/report/report.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

using base::printable;

constexpr std::string_view trace_separator =
    "-----------+-------------------------------------------------------\n";

/// One line for each key of a sample's labels, texts before numbers.
void append_label_lines(std::string& out, const Report& report, std::span<const Label> labels) {
  std::vector<std::string> texts;
  std::vector<std::string> numbers;
  for (std::size_t i = 0; i < labels.size();) {
    const Label& first = labels[i];
    const std::string_view key = report.profile.text(first.key);
    std::string line = right_aligned(key, 10) + ": ";
    for (;
         i < labels.size() && labels[i].key == first.key && labels[i].is_number == first.is_number;
         ++i) {
      line += ' ';
      if (first.is_number) {
        line += scaled_label(labels[i].number, report.label_units.at(first.key), "auto");
      } else {
        line += report.profile.text(labels[i].text);
      }
    }
    (first.is_number ? numbers : texts).push_back(std::move(line));
  }
  std::sort(texts.begin(), texts.end());
  std::sort(numbers.begin(), numbers.end());
  for (const auto* const lines : {&texts, &numbers}) {
    for (const std::string& line : *lines) {
      out += printable(line) + "\n";
    }
  }
}

/// Cleans the file names of the functions, each text once.
void clean_files(Profile& profile) {
  for (Function& function : profile.functions) {
    if (function.file != 0) {
      function.file = profile.strings.add(clean_path(profile.text(function.file)));
    }
  }
}

/// The weight of each value of one key.
using KeyTags = std::map<std::string, std::int64_t>;

std::vector<Tag> sorted_tags(const KeyTags& key, std::int64_t& total) {
  std::vector<Tag> tags;
  for (const auto& [name, weight] : key) {
    Tag& tag = tags.emplace_back();
    tag.name = name;
    tag.flat.sum = weight;
    total = wrapping_add(total, weight);
  }
  sort_tags(tags, true);
  return tags;
}

/// The rows of one key: its head, and a line for each value, whose first two columns are as wide
/// as they have to be.
void append_key(std::string& out, const Report& report, const std::string& key,
                const KeyTags& tags) {
  std::int64_t total = 0;
  const std::vector<Tag> sorted = sorted_tags(tags, total);
  const auto share = [&](std::int64_t value) {
    return report.total > 0 ? " (" + report.percent(value) + ")" : std::string();
  };
  std::vector<std::string> cells;
  std::size_t width = 0;
  for (const Tag& tag : sorted) {
    cells.push_back(report.format(tag.flat.sum) + share(tag.flat.sum) + ":");
    width = std::max(width, cells.back().size());
  }
  out += " " + printable(key) + ": Total " + report.format(total) + " of " +
         report.format(report.total) + share(total) + "\n";
  const std::size_t characters = right_aligned(key + ":", 0).size();
  std::size_t key_width = characters;
  for (const char c : key) {
    key_width -= (static_cast<unsigned char>(c) & 0xc0U) == 0x80 ? 1 : 0;
  }
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    out += std::string(key_width + 1, ' ') + right_aligned(cells[i], width + 1) + " " +
           printable(sorted[i].name) + "\n";
  }
  out += "\n";
}

}  // namespace

ReportText traces_report(Report& report) {
  clean_files(report.profile);
  const Profile& profile = report.profile;
  GraphOptions options;
  options.value = report.value;
  const GraphBuilder builder(profile, std::move(options));
  std::vector<std::string> names;
  for (const NodeInfo& info : builder.infos()) {
    names.push_back(printable(printable_name(info, profile.strings)));
  }
  std::string out;
  for (const std::string& label : profile_labels(report)) {
    out += printable(label) + "\n";
  }
  if (out.empty()) {
    out = "\n";
  }
  const std::string indent(13, ' ');
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    const auto frames = profile.samples.frames(i);
    if (frames.empty()) {
      continue;
    }
    out += trace_separator;
    append_label_lines(out, report, profile.samples.labels(i));
    const std::int64_t value = report.value.of(profile.samples.values(i)).value();
    bool is_first = true;
    for (const std::uint32_t frame : frames) {
      const auto nodes = builder.nodes_of(frame);
      for (std::size_t at = 0; at < nodes.size(); ++at) {
        out += is_first ? right_aligned(report.format(value), 10) + "   " : indent;
        is_first = false;
        out += names[nodes[at]];
        out += at + 1 == nodes.size() ? "\n" : " (inline)\n";
      }
    }
  }
  out += trace_separator;
  return out;
}

ReportText tags_report(Report& report) {
  const Profile& profile = report.profile;
  std::map<std::string, KeyTags> keys;
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    const std::int64_t weight = report.value.of(profile.samples.values(i)).sum;
    for (const Label& label : profile.samples.labels(i)) {
      const std::string name =
          label.is_number
              ? scaled_label(label.number, report.label_units.at(label.key), report.output_unit)
              : std::string(profile.text(label.text));
      std::int64_t& sum = keys[std::string(profile.text(label.key))][name];
      sum = wrapping_add(sum, weight);
    }
  }
  std::string out;
  for (const auto& [key, tags] : keys) {
    append_key(out, report, key, tags);
  }
  return out;
}

ReportText comments_report(Report& report) {
  std::string out;
  for (const StringId comment : report.profile.comments) {
    out += printable(report.profile.text(comment));
    out += '\n';
  }
  return out;
}

}  // namespace heapwatch::pprof
