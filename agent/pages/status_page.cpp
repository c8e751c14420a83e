#include <unistd.h>

#include <ctime>
#include <sstream>

#include "agent/pages/discovery_lines.h"
#include "agent/pages/memory_page.h"
#include "agent/pages/object_tables.h"
#include "agent/pages/python_vars.h"
#include "agent/pages/self_report.h"
#include "base/counted.h"
#include "base/printable.h"
#include "exporters/console/json.h"
#include "exporters/console/status.h"
#include "memory/native/untracked_frees.h"
#include "memory/text.h"

namespace heapwatch::agent::pages {

namespace {

std::string history_lines(const history::Recorder::Status& history) {
  std::string lines = "  File: " + memory::size_text(history.bytes) +
                      "\n  Frames written: " + std::to_string(history.written) +
                      "\n  Lost: " + std::to_string(history.lost) + "\n";
  if (!history.trouble.empty()) {
    lines += "  Stands still: " + history.trouble + "\n";
  }
  return base::printable_lines(lines);
}

constexpr std::size_t object_types_shown = 15;

std::string utc(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::string text(32, '\0');
  text.resize(std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts));
  return text;
}

std::string or_none(const std::string& text) {
  return text.empty() ? "none" : base::printable(text);
}

std::string heading(const std::string& title) {
  return title + "\n" + std::string(title.size(), '=') + "\n\n";
}

std::string level_name(base::LogLevel level) {
  for (const char* const name : {"trace", "debug", "info", "warn", "error", "critical", "off"}) {
    if (base::parse_log_level(name) == level) {
      return name;
    }
  }
  return {};
}

void write_native_memory(std::ostream& out) {
  const memtrack_counters counters = memtrack_stats();
  out << heading("Native memory") << "  Accounting: " << (memtrack_enabled() != 0 ? "on" : "off")
      << "\n  Allocations: " << counters.allocations << ", "
      << base::counted(counters.allocated_bytes, "byte") << "\n  Frees: " << counters.frees << ", "
      << base::counted(counters.freed_bytes, "byte")
      << "\n  In use: " << base::counted(counters.inuse_bytes, "byte")
      << "\n  Untracked frees: " << counters.untracked_frees << "\n\n";
  std::string frees;
  memory::native::append_untracked_frees(frees, memory::native::own_untracked_frees());
  out << base::printable_lines(frees);
}

void append_memory(exporters::console::Json& json, const memory::Survey& survey) {
  json.key("memory");
  json.begin_object();
  json.member("rss_bytes", survey.rss);
  json.member("swap_bytes", survey.swap);
  json.key("rows");
  json.begin_array();
  for (const memory::Row& row : survey.rows) {
    json.begin_object();
    json.member("space", memory::name_of(row.space));
    json.member("owner", row.owner);
    json.member("state", memory::name_of(row.state));
    json.member("bytes", row.bytes);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

}  // namespace

std::string status_text(const SelfReport& report, bool colors) {
  std::ostringstream out;
  out << heading("heapwatch " HEAPWATCH_VERSION) << "  Status date: " << utc(report.now.wall)
      << "\n  Running since: " << utc(report.process.started) << "\n  Pid: " << getpid()
      << "\n  Log Level: " << level_name(report.log_level)
      << "\n  Config File: " << or_none(report.config_file)
      << "\n  conf.d: " << base::printable(report.confd_path);
  for (const wiring::ExporterState& exporter : report.own.exporters) {
    out << "\n  " << exporter.title << ": " << or_none(exporter.address);
  }
  out << "\n  Python: " << python_line(report.python)
      << "\n  Resident memory: " << report.process.resident_bytes / 1024 << " KiB\n\n"
      << heading("Collector") << "  Instances: " << report.own.scheduler.instances
      << ", of them failing: " << report.own.scheduler.failing
      << "\n  Reloads: " << report.own.reload.applied << " applied, " << report.own.reload.unchanged
      << " without a change, " << report.own.reload.with_errors << " with errors\n\n"
      << "  Running Checks\n  ==============\n\n";
  std::string check;
  for (const metrics::RunStats& stats : report.instances) {
    if (stats.instance->check_name != check) {
      check = stats.instance->check_name;
      out << exporters::console::render_status_heading(*stats.instance);
    }
    out << exporters::console::render_status_block(stats, {.colour = colors}) << '\n';
  }
  if (!report.own.reload.diagnostics.empty()) {
    out << "  Config Errors\n  =============\n\n";
    for (const config::Diagnostic& diagnostic : report.own.reload.diagnostics) {
      out << "    " << base::printable(config::to_text(diagnostic)) << '\n';
    }
    out << '\n';
  }
  if (!report.own.discovery.empty()) {
    out << heading("Discovery") << discovery_lines(report.own.discovery, report.now.wall) << '\n';
  }
  if (report.memory) {
    out << heading("Memory") << memory_lines(*report.memory)
        << "  /debug/memory has every row, as has `heapwatch memory " << getpid() << "`\n\n";
  }
  if (!report.verdicts.empty()) {
    out << heading("Leaks") << verdict_lines(report.verdicts) << '\n';
  }
  if (!report.own.check_verdicts.empty()) {
    out << heading("Memory of Checks") << check_verdict_lines(report.own.check_verdicts) << '\n';
  }
  if (report.own.history) {
    out << heading("History") << history_lines(*report.own.history) << '\n';
  }
  write_native_memory(out);
  if (!report.python_objects.empty()) {
    out << heading("Python Objects")
        << base::printable_lines(render_objects(report.python_objects, object_types_shown)) << '\n';
  }
  for (const wiring::ExporterState& exporter : report.own.exporters) {
    if (!exporter.figures.counters.empty()) {
      out << heading(exporter.title);
    }
    for (const auto& [name, value] : exporter.figures.counters) {
      out << "  " << name << ": " << value << '\n';
    }
  }
  return out.str();
}

std::string status_json(const SelfReport& report) {
  exporters::console::Json json;
  json.begin_object();
  json.member("version", HEAPWATCH_VERSION);
  json.member("pid", static_cast<std::uint64_t>(getpid()));
  json.member("conf.d", report.confd_path);
  json.key("instances");
  json.begin_array();
  for (const metrics::RunStats& stats : report.instances) {
    exporters::console::append_status(json, stats);
  }
  json.end_array();
  json.key("configErrors");
  json.begin_array();
  for (const config::Diagnostic& diagnostic : report.own.reload.diagnostics) {
    json.text(config::to_text(diagnostic));
  }
  json.end_array();
  if (report.memory) {
    append_memory(json, *report.memory);
  }
  if (report.own.history) {
    json.key("history");
    json.begin_object();
    json.member("bytes", report.own.history->bytes);
    json.member("frames", report.own.history->written);
    json.member("lost", report.own.history->lost);
    json.member("trouble", report.own.history->trouble);
    json.end_object();
  }
  json.key("discovery");
  json.raw(discovery_json(report.own.discovery));
  json.key("verdicts");
  json.raw(verdicts_json(report.verdicts));
  json.key("checkVerdicts");
  json.raw(check_verdicts_json(report.own.check_verdicts));
  json.key("pythonObjects");
  json.begin_array();
  for (const check::python::ObjectCount& objects : report.python_objects) {
    json.begin_object();
    json.member("Type", objects.type);
    json.member("NObjects", objects.count);
    json.member("Size", objects.bytes);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.take() + "\n";
}

}  // namespace heapwatch::agent::pages
