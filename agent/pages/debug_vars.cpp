#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <map>
#include <string>

#include "agent/pages/native_pages.h"
#include "agent/pages/python_vars.h"
#include "agent/pages/self_report.h"

namespace heapwatch::agent::pages {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void member(Writer& json, const char* key, std::uint64_t value) {
  json.Key(key);
  json.Uint64(value);
}

void member(Writer& json, const char* key, double value) {
  json.Key(key);
  json.Double(value);
}

double seconds(std::chrono::system_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void write_process(Writer& json, const SelfReport& report) {
  const base::ProcessUsage& process = report.process;
  json.Key("process");
  json.StartObject();
  member(json, "pid", static_cast<std::uint64_t>(getpid()));
  member(json, "start_time_seconds", seconds(process.started.time_since_epoch()));
  member(json, "uptime_seconds", seconds(report.now.wall - process.started));
  member(json, "cpu_seconds", process.cpu.count());
  member(json, "resident_bytes", process.resident_bytes);
  member(json, "virtual_bytes", process.virtual_bytes);
  member(json, "malloc_inuse_bytes", process.malloc_inuse_bytes);
  member(json, "malloc_system_bytes", process.malloc_system_bytes);
  member(json, "threads", process.threads);
  member(json, "open_descriptors", process.open_descriptors);
  member(json, "descriptors_max", process.descriptors_max);
  json.EndObject();
}

/// The C and C++ space, under the names that the Datadog Agent gives it.
void write_rtloader(Writer& json) {
  json.Key("rtloader");
  json.StartObject();
  write_counters(json, memtrack_stats());
  json.EndObject();
}

void write_memtrack(Writer& json) {
  const memtrack_health health = memtrack_self();
  json.Key("memtrack");
  json.StartObject();
  json.Key("enabled");
  json.Bool(memtrack_enabled() != 0);
  member(json, "sample_interval_bytes", std::uint64_t{memtrack_sample_interval()});
  member(json, "mapped_bytes", health.mapped_bytes);
  member(json, "double_frees", health.double_frees);
  member(json, "older_frees", health.older_frees);
  member(json, "freed_elsewhere", health.freed_elsewhere);
  member(json, "unrecorded", health.unrecorded);
  member(json, "samples", health.samples);
  member(json, "lost_samples", health.lost_samples);
  json.Key("components");
  json.StartObject();
  for (memtrack_component id = 1; id < memtrack_component_count(); ++id) {
    json.Key(memtrack_component_name(id));
    json.StartObject();
    write_counters(json, memtrack_component_stats(id));
    json.EndObject();
  }
  json.EndObject();
  json.EndObject();
}

void write_scheduler(Writer& json, const check::schedule::Scheduler::Totals& totals) {
  json.Key("scheduler");
  json.StartObject();
  member(json, "instances", totals.instances);
  member(json, "failing", totals.failing);
  member(json, "running", totals.running);
  member(json, "waiting_for_runner", totals.waiting_for_runner);
  member(json, "contexts", totals.contexts);
  json.EndObject();
}

void write_loop(Writer& json, const OwnFigures& own) {
  json.Key("event_loop");
  json.StartObject();
  member(json, "lag_seconds", std::chrono::duration<double>(own.lag).count());
  member(json, "lag_max_seconds", std::chrono::duration<double>(own.lag_max).count());
  member(json, "transfers_running", own.transfers_running);
  member(json, "transfers_waiting", own.transfers_waiting);
  json.EndObject();
}

void write_reloads(Writer& json, const wiring::ReloadState& reload) {
  json.Key("reloads");
  json.StartObject();
  member(json, "applied", reload.applied);
  member(json, "unchanged", reload.unchanged);
  member(json, "with_errors", reload.with_errors);
  member(json, "config_errors", reload.errors);
  json.EndObject();
}

/// The counters that a check has for each of its instances, and their sum for the check as a whole.
struct RunCounters {
  std::uint64_t runs = 0;
  std::uint64_t errors = 0;
  std::uint64_t warnings = 0;
  std::uint64_t samples = 0;
  std::uint64_t dropped = 0;
  std::uint64_t skipped = 0;
  std::uint64_t sat_out = 0;

  void add(const metrics::RunStats& stats) {
    runs += stats.runs;
    errors += stats.errors;
    warnings += stats.warnings;
    samples += stats.samples;
    dropped += stats.dropped;
    skipped += stats.skipped;
    sat_out += stats.sat_out;
  }

  void write(Writer& json) const {
    member(json, "runs", runs);
    member(json, "errors", errors);
    member(json, "warnings", warnings);
    member(json, "samples", samples);
    member(json, "dropped", dropped);
    member(json, "skipped", skipped);
    member(json, "sat_out", sat_out);
  }
};

void write_instance(Writer& json, const metrics::RunStats& stats) {
  json.Key(stats.instance->id.c_str());
  json.StartObject();
  RunCounters counters;
  counters.add(stats);
  counters.write(json);
  member(json, "failed_runs_in_a_row", stats.failed_runs);
  member(json, "last_samples", stats.last_samples);
  member(json, "average_duration_seconds",
         std::chrono::duration<double>(stats.average_duration()).count());
  json.EndObject();
}

std::uint64_t total_of(const std::map<std::string, std::uint64_t>& by_reason) {
  std::uint64_t sum = 0;
  for (const auto& [reason, count] : by_reason) {
    sum += count;
  }
  return sum;
}

/// Of a check as a whole since the start, also of instances that went.
void write_totals(Writer& json, const check::schedule::CheckTotals& totals) {
  RunCounters{.runs = totals.runs,
              .errors = totals.errors,
              .warnings = totals.warnings,
              .samples = totals.samples,
              .dropped = total_of(totals.dropped),
              .skipped = totals.skipped,
              .sat_out = totals.sat_out}
      .write(json);
  member(json, "run_seconds", std::chrono::duration<double>(totals.run_time).count());
  json.Key("dropped_by_reason");
  json.StartObject();
  for (const auto& [reason, count] : totals.dropped) {
    member(json, reason.c_str(), count);
  }
  json.EndObject();
}

void write_checks(Writer& json, const SelfReport& report) {
  std::map<std::string, std::vector<const metrics::RunStats*>> by_name;
  for (const metrics::RunStats& stats : report.instances) {
    by_name[stats.instance->check_name].push_back(&stats);
  }
  json.Key("checks");
  json.StartObject();
  for (const auto& [name, totals] : report.own.by_check) {
    json.Key(name.c_str());
    json.StartObject();
    write_totals(json, totals);
    json.Key("instances");
    json.StartObject();
    for (const metrics::RunStats* const stats : by_name[name]) {
      write_instance(json, *stats);
    }
    json.EndObject();
    json.EndObject();
  }
  json.EndObject();
}

void write_exporters(Writer& json, const std::vector<wiring::ExporterState>& exporters) {
  for (const wiring::ExporterState& exporter : exporters) {
    json.Key(exporter.name.c_str());
    json.StartObject();
    for (const auto& [name, value] : exporter.figures.counters) {
      member(json, name.c_str(), value);
    }
    if (exporter.figures.queued) {
      member(json, "packets_queued", *exporter.figures.queued);
    }
    json.EndObject();
  }
}

}  // namespace

std::string debug_vars(const SelfReport& report) {
  rapidjson::StringBuffer text;
  Writer json(text);
  json.StartObject();
  write_process(json, report);
  write_rtloader(json);
  write_memtrack(json);
  write_scheduler(json, report.own.scheduler);
  write_loop(json, report.own);
  write_reloads(json, report.own.reload);
  write_checks(json, report);
  write_exporters(json, report.own.exporters);
  write_python(json, report.python);
  json.EndObject();
  return std::string(text.GetString(), text.GetSize()) + "\n";
}

}  // namespace heapwatch::agent::pages
