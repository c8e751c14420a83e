// The table of nodes (top, text), and the table with what calls and is called (tree, peek).
#include "base/printable.h"
#include "pprof/report/report.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

using base::printable;

constexpr std::string_view block_separator =
    "----------------------------------------------------------+-------------\n";
constexpr std::string_view table_head = "      flat  flat%   sum%        cum   cum%\n";
constexpr std::string_view tree_head =
    "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t \n";

std::string head_of(const Table& table) {
  std::string out;
  for (const std::string& line : table.labels) {
    out += printable(line) + "\n";
  }
  return out;
}

/// The five columns of a row: flat, its share, that of all rows so far, cum, and its share.
std::string columns(const Report& report, const TableRow& row, std::int64_t sum) {
  return right_aligned(report.format(row.flat), 10) + " " + report.percent(row.flat) + " " +
         report.percent(sum) + " " + right_aligned(report.format(row.cum), 10) + " " +
         report.percent(row.cum);
}

void append_calls(std::string& out, const Report& report, const std::vector<TableCall>& calls,
                  std::int64_t cum) {
  for (const TableCall& call : calls) {
    out += right_aligned(report.format(call.value), 50);
    out += " " + percentage(call.value, cum) + " |   " + printable(call.name);
    out += call.is_inline ? " (inline)\n" : "\n";
  }
}

}  // namespace

ReportText text_report(Report& report) {
  const auto table = table_of(report);
  if (!table) {
    return tl::unexpected(table.error());
  }
  std::string out = head_of(*table);
  out += table_head;
  std::int64_t sum = 0;
  for (const TableRow& row : table->rows) {
    sum = wrapping_add(sum, row.flat);
    out += columns(report, row, sum) + "  " + printable(row.name);
    if (!row.inline_label.empty()) {
      out += " (" + row.inline_label + ")";
    }
    out += '\n';
  }
  return out;
}

ReportText tree_report(Report& report) {
  const auto table = table_of(report);
  if (!table) {
    return tl::unexpected(table.error());
  }
  std::string out = head_of(*table);
  out += block_separator;
  out += tree_head;
  std::int64_t sum = 0;
  for (const TableRow& row : table->rows) {
    sum = wrapping_add(sum, row.flat);
    out += block_separator;
    append_calls(out, report, row.callers, row.cum);
    out += columns(report, row, sum) + "                | " + printable(row.name) + "\n";
    append_calls(out, report, row.callees, row.cum);
  }
  if (!table->rows.empty()) {
    out += block_separator;
  }
  return out;
}

}  // namespace heapwatch::pprof
