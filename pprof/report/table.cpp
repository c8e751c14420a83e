// The rows of top, tree and peek, and how other programs get them: JSON and CSV.
#include <array>
#include <optional>

#include "base/json.h"
#include "base/number.h"
#include "pprof/report/report.h"
#include "pprof/truncate.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

std::string inline_label(const Graph& graph, const Node& node) {
  bool has_inline = false;
  bool has_call = false;
  for (const std::uint32_t edge : node.in) {
    (graph.edges[edge].is_inline ? has_inline : has_call) = true;
  }
  if (!has_inline) {
    return "";
  }
  return has_call ? "partial-inline" : "inline";
}

std::vector<TableCall> calls_of(const Report& report, const Graph& graph,
                                std::vector<std::uint32_t> edges, std::uint32_t Edge::*end) {
  sort_edges(edges, graph, report.profile.strings);
  std::vector<TableCall> calls;
  calls.reserve(edges.size());
  for (const std::uint32_t at : edges) {
    const Edge& edge = graph.edges[at];
    calls.push_back(
        {report.name(graph.nodes[edge.*end]), edge.weight.sum, edge.is_inline, edge.is_residual});
  }
  return calls;
}

std::int64_t divided(const Table& table, std::int64_t value) {
  const double ratio = 1 / table.divide_by;
  if (ratio > 0 && ratio != 1) {
    return truncate_to_int(static_cast<double>(value) * ratio);
  }
  return value;
}

/// A part of the total in percent, without the rounding that is for people.
double percent(const Table& table, std::int64_t value) {
  if (table.total == 0) {
    return 0;
  }
  return static_cast<double>(value) / static_cast<double>(table.total) * 100;
}

void append_json_calls(base::JsonWriter& json, const Table& table, std::string_view name,
                       const std::vector<TableCall>& calls) {
  json.key(name);
  json.begin_array();
  for (const TableCall& call : calls) {
    json.begin_object();
    json.member("name", call.name);
    json.member("value", divided(table, call.value));
    json.member("text", table.text(call.value));
    json.member("inline", call.is_inline);
    json.member("residual", call.is_residual);
    json.end_object();
  }
  json.end_array();
}

/// A field of a CSV file, in quotes where it needs some.
std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    return std::string(text);
  }
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') {
      out += '"';
    }
    out += c;
  }
  return out + "\"";
}

bool has_calls(ReportKind kind) {
  return kind != ReportKind::text;
}

EdgeWish::Kind edges_of(ReportKind kind) {
  if (kind == ReportKind::text) {
    return EdgeWish::Kind::into_inlined;
  }
  return kind == ReportKind::peek ? EdgeWish::Kind::beside : EdgeWish::Kind::all;
}

}  // namespace

std::string Table::text(std::int64_t value) const {
  return scaled_label(divided(*this, value), unit, output_unit);
}

base::Result<Table> table_of(Report& report) {
  std::optional<Regex> wanted;
  if (report.kind == ReportKind::peek) {
    auto compiled = Regex::compile(report.pattern);
    if (!compiled) {
      return tl::unexpected(compiled.error());
    }
    wanted = std::move(*compiled);
  }
  const auto is_wanted = [&](const NodeInfo& info) {
    return wanted->matches(printable_name(info, report.profile.strings));
  };
  const TrimmedGraph trimmed = graph_of(report, edges_of(report.kind), is_wanted);
  const Graph& graph = trimmed.graph;
  Table table{.labels = report_labels(report, trimmed, false),
              .type = report.type,
              .unit = report.sample_unit,
              .output_unit = report.output_unit,
              .divide_by = report.options.divide_by,
              .total = report.total,
              .has_calls = has_calls(report.kind),
              .rows = {}};
  for (const std::uint32_t at : graph.order) {
    const Node& node = graph.nodes[at];
    TableRow row{.name = report.name(node), .inline_label = {}};
    if (wanted && !wanted->matches(row.name)) {
      continue;
    }
    row.inline_label = inline_label(graph, node);
    row.flat = node.flat.value();
    row.cum = node.cum.value();
    if (table.has_calls) {
      row.callers = calls_of(report, graph, node.in, &Edge::from);
      row.callees = calls_of(report, graph, node.out, &Edge::to);
    }
    table.rows.push_back(std::move(row));
  }
  if (wanted && table.rows.empty()) {
    return base::fail(base::ErrorKind::not_found, "no matches found for regexp: " + report.pattern);
  }
  return table;
}

std::string table_json(const Table& table) {
  std::string out;
  base::JsonWriter json(out, {.escapes = base::JsonEscapes::script});
  json.begin_object();
  json.member("labels", table.labels);
  json.member("type", table.type);
  json.member("unit", table.unit);
  json.member("total", divided(table, table.total));
  json.member("total_text", table.text(table.total));
  json.key("rows");
  json.begin_array();
  std::int64_t sum = 0;
  for (const TableRow& row : table.rows) {
    sum = wrapping_add(sum, row.flat);
    json.begin_object();
    json.member("name", row.name);
    json.member("inline", row.inline_label);
    json.member("flat", divided(table, row.flat));
    json.member("flat_text", table.text(row.flat));
    json.member("flat_percent", percent(table, row.flat));
    json.member("sum_percent", percent(table, sum));
    json.member("cum", divided(table, row.cum));
    json.member("cum_text", table.text(row.cum));
    json.member("cum_percent", percent(table, row.cum));
    if (table.has_calls) {
      append_json_calls(json, table, "callers", row.callers);
      append_json_calls(json, table, "callees", row.callees);
    }
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return out + "\n";
}

std::string table_csv(const Table& table) {
  const std::string of = " (" + table.unit + ")";
  std::string out = table.has_calls ? "node,role,function," : "function,";
  out += "inline," + csv_field("flat" + of) + ",flat%,sum%," + csv_field("cum" + of) + ",cum%\r\n";
  std::int64_t sum = 0;
  const auto number = [&](std::int64_t value) { return std::to_string(divided(table, value)); };
  const auto share = [&](std::int64_t value) {
    return base::to_text(base::Number::of(percent(table, value)));
  };
  const auto append_calls = [&](const TableRow& row, const char* role,
                                const std::vector<TableCall>& calls) {
    for (const TableCall& call : calls) {
      out += csv_field(row.name) + "," + role + "," + csv_field(call.name) + "," +
             (call.is_inline ? "inline" : "") + ",,,," + number(call.value) + "," +
             share(call.value) + "\r\n";
    }
  };
  for (const TableRow& row : table.rows) {
    sum = wrapping_add(sum, row.flat);
    append_calls(row, "caller", row.callers);
    if (table.has_calls) {
      out += csv_field(row.name) + ",itself,";
    }
    out += csv_field(row.name) + "," + row.inline_label + "," + number(row.flat) + "," +
           share(row.flat) + "," + share(sum) + "," + number(row.cum) + "," + share(row.cum) +
           "\r\n";
    append_calls(row, "callee", row.callees);
  }
  return out;
}

}  // namespace heapwatch::pprof
