#include "history/open_metrics.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "history/series_names.h"

namespace heapwatch::history {

namespace {

/// What a series is called there.
struct Family {
  std::string name;
  std::string_view unit;  // empty: none
  bool is_total = false;
};

struct Known {
  std::string_view series;
  std::string_view unit;
  bool is_total;
};
constexpr std::array known{
    Known{rss_series, "bytes", false},
    Known{rows_rss_series, "bytes", false},
    Known{swap_series, "bytes", false},
    Known{limit_series, "bytes", false},
    Known{working_set_series, "bytes", false},
    Known{heap_alloc_series, "bytes", false},
    Known{heap_sys_series, "bytes", false},
    Known{heap_idle_series, "bytes", false},
    Known{heap_inuse_series, "bytes", false},
    Known{heap_released_series, "bytes", false},
    Known{native_series, "bytes", false},
    Known{python_series, "bytes", false},
    Known{total_alloc_series, "bytes", true},
    Known{gc_pauses_series, "", true},
    Known{gc_pause_ns_series, "", true},
    Known{runs_series, "", true},
    Known{errors_series, "", true},
    Known{warnings_series, "", true},
    Known{skipped_series, "", true},
    Known{run_time_series, "", true},
};

Family family_of(std::string_view series) {
  Family family{.name = "heapwatch_history_", .unit = "", .is_total = false};
  if (row_of(series)) {
    family.name += "row_bytes";
    family.unit = "bytes";
    return family;
  }
  for (const char c : series) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    family.name += is_plain ? c : '_';
  }
  const auto* const found = std::find_if(
      known.begin(), known.end(), [series](const Known& one) { return one.series == series; });
  if (found != known.end()) {
    family.unit = found->unit;
    family.is_total = found->is_total;
    family.name += found->unit.empty() ? "" : "_" + std::string(found->unit);
  }
  return family;
}

void append_label(std::string& out, std::string_view key, std::string_view value) {
  out += out.empty() ? "" : ",";
  out.append(key).append("=\"");
  for (const char c : value) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '"':
        out += "\\\"";
        break;
      case '\n':
        out += "\\n";
        break;
      default:
        out += c;
    }
  }
  out += '"';
}

std::string labels_of(const Life& life) {
  std::string labels;
  append_label(labels, "life", std::to_string(life.id));
  append_label(labels, "kind", life.info.kind);
  append_label(labels, "service", base::valid_utf8(life.info.service));
  append_label(labels, "name", base::valid_utf8(life.info.name));
  if (life.info.pid != 0) {
    append_label(labels, "pid", std::to_string(life.info.pid));
  }
  return labels;
}

/// Seconds since 1970, with three digits after the point.
void append_time(std::string& out, std::int64_t ms) {
  const std::string rest = std::to_string(ms % 1000);
  out += std::to_string(ms / 1000) + "." + std::string(3 - rest.size(), '0') + rest;
}

}  // namespace

std::string open_metrics(const Life& life, const Course& course) {
  struct Part {
    Family family;
    std::vector<std::pair<std::string_view, const Column*>> columns;
  };
  std::map<std::string, Part> parts;
  for (const auto& [series, column] : course.columns) {
    Family family = family_of(series);
    Part& part = parts[family.name];
    part.columns.emplace_back(series, &column);
    part.family = std::move(family);
  }
  const std::string own_labels = labels_of(life);
  std::string out;
  for (const auto& [name, part] : parts) {
    out += "# TYPE " + name + (part.family.is_total ? " counter\n" : " gauge\n");
    if (!part.family.unit.empty()) {
      out += "# UNIT " + name + " " + std::string(part.family.unit) + "\n";
    }
    for (const auto& [series, column] : part.columns) {
      std::string labels = own_labels;
      if (const std::optional<RowName> row = row_of(series)) {
        append_label(labels, "space", base::valid_utf8(row->space));
        append_label(labels, "owner", base::valid_utf8(row->owner));
        append_label(labels, "state", base::valid_utf8(row->state));
      }
      const std::string begin = name + (part.family.is_total ? "_total" : "") + "{" + labels + "} ";
      for (std::size_t i = 0; i < course.times.size(); ++i) {
        if (column->last[i] != absent) {
          out += begin + std::to_string(column->last[i]) + " ";
          append_time(out, course.times[i]);
          out += '\n';
        }
      }
    }
  }
  return out + "# EOF\n";
}

}  // namespace heapwatch::history
