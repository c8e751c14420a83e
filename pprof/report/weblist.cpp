// Source lines with what they weigh and the instructions that were made of them, as a page.
#include <map>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "pprof/report/code.h"
#include "pprof/report/source.h"

namespace heapwatch::pprof {
namespace {

constexpr std::string_view page_start = R"(<!DOCTYPE html>
<html>
<head>
<meta charset="UTF-8">
<title>Pprof listing</title>
<style>
body { font-family: sans-serif; }
h1 { font-size: 1.5em; }
.legend { font-size: 1.25em; }
.line { color: #aaaaaa; }
.nop { color: #777777; }
.live { color: #000000; }
pre details { display: block; }
pre summary { display: inline; cursor: pointer; }
pre summary:hover { background-color: #eeeeee; }
.asm { color: #008800; }
</style>
</head>
<body>
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : base::printable_lines(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// A line of a source file: the instructions that were made of it.
struct SourceLine {
  std::vector<const WeighedInstruction*> instructions;
  Weight flat;
  Weight cum;
};
using Lines = std::map<std::int64_t, SourceLine>;

std::map<std::string, Lines> by_file(const WeighedCode& code) {
  std::map<std::string, Lines> files;
  for (const WeighedInstruction& at : code.instructions) {
    SourceLine& line = files[at.instruction.file][at.instruction.line];
    line.instructions.push_back(&at);
    line.flat.add(at.flat);
    line.cum.add(at.cum);
  }
  return files;
}

std::string values(const Report& report, const Weight& flat, const Weight& cum) {
  return right_aligned(value_or_dot(report, flat.value()), 10) + " " +
         right_aligned(value_or_dot(report, cum.value()), 10);
}

void append_line(std::string& out, const Report& report, std::int64_t number,
                 std::string_view source, const SourceLine* line) {
  const SourceLine none;
  const SourceLine& here = line == nullptr ? none : *line;
  const bool is_live = here.cum.value() != 0 || here.flat.value() != 0;
  const std::string row = "<span class=line>" + right_aligned(std::to_string(number), 7) +
                          "</span> <span class=" + (is_live ? "live" : "nop") + ">" +
                          values(report, here.flat, here.cum) + "  " + escaped(source) + "</span>";
  if (here.instructions.empty()) {
    out += row + "\n";
    return;
  }
  out += "<details><summary>" + row + "</summary><span class=asm>";
  std::uint64_t expected = 0;
  for (const WeighedInstruction* const at : here.instructions) {
    const std::uint64_t address = at->instruction.address;
    // Instructions of other lines are in between.
    out += expected != 0 && expected != address ? std::string(8, ' ') + "...\n" : "";
    out += std::string(8, ' ') + values(report, at->flat, at->cum) + " " +
           right_aligned(hexadecimal(address), 10) + ": " + escaped(at->instruction.text) + "\n";
    expected = address + at->instruction.bytes;
  }
  out += "</span></details>";
}

void append_file(std::string& out, const Report& report, const Lines& lines,
                 std::string_view content) {
  std::int64_t number = 0;
  std::int64_t shown = 0;
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    std::string_view source = content.substr(0, end);
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    ++number;
    const auto next = lines.lower_bound(number - lines_around);
    if (next == lines.end()) {
      return;
    }
    if (next->first > number + lines_around) {
      continue;
    }
    out += shown != 0 && shown + 1 != number ? "        ...\n" : "";
    shown = number;
    const auto here = lines.find(number);
    source = source.substr(0, source.find_last_not_of('\r') + 1);
    append_line(out, report, number, source, here == lines.end() ? nullptr : &here->second);
  }
}

void append_function(std::string& out, const Report& report, const SourceReader& reader,
                     const WeighedCode& code) {
  out += "<h2>" + escaped(code.names.front()) + "</h2>";
  for (const auto& [file, lines] : by_file(code)) {
    Weight flat;
    Weight cum;
    for (const auto& [number, line] : lines) {
      flat.add(line.flat);
      cum.add(line.cum);
    }
    out += "<p class=\"filename\">" + escaped(file.empty() ? "no source file" : file) +
           "</p>\n<pre>\n  Total:  " + right_aligned(report.format(flat.value()), 10) + " " +
           right_aligned(report.format(cum.value()), 10) + " (flat, cum) " +
           report.percent(cum.value()) + "\n";
    const auto content = reader.read(file);
    if (content && !file.empty()) {
      append_file(out, report, lines, *content);
    } else {
      for (const auto& [number, line] : lines) {
        append_line(out, report, number, file.empty() ? "" : "(" + content.error().message + ")",
                    &line);
      }
    }
    out += "</pre>\n";
  }
}

}  // namespace

ReportText weblist_report(Report& report, const CodeSeams& code) {
  const auto found = weighed_code(report, code);
  if (!found) {
    return tl::unexpected(found.error());
  }
  std::string out(page_start);
  out += "<div class=\"legend\">";
  for (const std::string& label : profile_labels(report)) {
    out += escaped(label) + "<br>\n";
  }
  out += "Total: " + report.format(report.total) + "</div>";
  const SourceReader reader(report);
  for (const WeighedCode& function : *found) {
    append_function(out, report, reader, function);
  }
  out += "</body>\n</html>\n";
  return out;
}

}  // namespace heapwatch::pprof
