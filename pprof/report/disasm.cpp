// Instructions with what they weigh.
#include "base/printable.h"
#include "pprof/report/code.h"
#include "pprof/report/source.h"

namespace heapwatch::pprof {
namespace {

/// Where an instruction comes from, without folders.
std::string place_of(const WeighedInstruction& at) {
  std::string place = at.function.empty() ? "" : at.function + " ";
  const std::string_view file = at.instruction.file;
  if (!file.empty()) {
    place += file.substr(file.rfind('/') + 1);
    place += at.instruction.line == 0 ? "" : ":" + std::to_string(at.instruction.line);
  }
  return place;
}

void append_instructions(std::string& out, const Report& report, const WeighedCode& code) {
  constexpr std::size_t text_width = 40;
  constexpr std::size_t place_column = 74;
  std::string last;
  for (const WeighedInstruction& at : code.instructions) {
    // The place is told where it changes.
    const std::string full =
        at.function + '\n' + at.instruction.file + '\n' + std::to_string(at.instruction.line);
    const std::string place = full == last ? std::string() : place_of(at);
    last = full;
    std::string row = right_aligned(value_or_dot(report, at.flat.value()), 10) + " " +
                      right_aligned(value_or_dot(report, at.cum.value()), 10) + " " +
                      right_aligned(hexadecimal(at.instruction.address), 10) + ": " +
                      base::printable(at.instruction.text);
    if (place.empty()) {
      out += row + "\n";
    } else if (at.instruction.text.size() < text_width) {
      row.append(text_width - at.instruction.text.size(), ' ');
      out += row + ";" + base::printable(place) + "\n";
    } else {
      out += std::string(place_column, ' ') + ";" + base::printable(place) + "\n" + row + "\n";
    }
  }
}

}  // namespace

ReportText disasm_report(Report& report, const CodeSeams& code) {
  const auto found = weighed_code(report, code);
  if (!found) {
    return tl::unexpected(found.error());
  }
  std::string out = "Total: " + report.format(report.total) + "\n";
  for (const WeighedCode& function : *found) {
    out += "ROUTINE ======================== " + base::printable(function.names.front()) + "\n";
    for (std::size_t i = 1; i < function.names.size(); ++i) {
      out += "    AKA ======================== " + base::printable(function.names[i]) + "\n";
    }
    out += right_aligned(report.format(function.flat.value()), 10) + " " +
           right_aligned(report.format(function.cum.value()), 10) + " (flat, cum) " +
           report.percent(function.cum.value()) + " of Total\n";
    append_instructions(out, report, function);
  }
  return out;
}

}  // namespace heapwatch::pprof
