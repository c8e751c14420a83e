#include <unistd.h>

#include <map>
#include <string>
#include <string_view>

#include "agent/pages/native_pages.h"
#include "agent/pages/python_vars.h"
#include "agent/pages/self_report.h"
#include "base/json.h"

namespace heapwatch::agent::pages {

namespace {

using base::JsonWriter;

void real(JsonWriter& json, std::string_view key, double value) {
  json.key(key);
  json.real(value);
}

void write_process(JsonWriter& json, const SelfReport& report) {
  const base::ProcessUsage& process = report.process;
  json.object("process", [&] {
    json.member("pid", static_cast<std::uint64_t>(getpid()));
    real(json, "start_time_seconds", in_seconds(process.started.time_since_epoch()));
    real(json, "uptime_seconds", in_seconds(report.now.wall - process.started));
    real(json, "cpu_seconds", process.cpu.count());
    json.member("resident_bytes", process.resident_bytes);
    json.member("virtual_bytes", process.virtual_bytes);
    json.member("malloc_inuse_bytes", process.malloc_inuse_bytes);
    json.member("malloc_system_bytes", process.malloc_system_bytes);
    json.member("threads", process.threads);
    json.member("open_descriptors", process.open_descriptors);
    json.member("descriptors_max", process.descriptors_max);
  });
}

/// The C and C++ space, under the names that the Datadog Agent gives it.
void write_rtloader(JsonWriter& json) {
  json.object("rtloader", [&] { write_counters(json, memtrack_stats()); });
}

void write_memtrack(JsonWriter& json) {
  json.object("memtrack", [&] {
    json.member("enabled", memtrack_enabled() != 0);
    json.member("sample_interval_bytes", std::uint64_t{memtrack_sample_interval()});
    write_health(json);
    write_components(json);
  });
}

void write_scheduler(JsonWriter& json, const check::schedule::Scheduler::Totals& totals) {
  json.object("scheduler", [&] {
    json.member("instances", totals.instances);
    json.member("failing", totals.failing);
    json.member("running", totals.running);
    json.member("waiting_for_runner", totals.waiting_for_runner);
    json.member("contexts", totals.contexts);
  });
}

void write_loop(JsonWriter& json, const OwnFigures& own) {
  json.object("event_loop", [&] {
    real(json, "lag_seconds", in_seconds(own.lag));
    real(json, "lag_max_seconds", in_seconds(own.lag_max));
    json.member("transfers_running", own.transfers_running);
    json.member("transfers_waiting", own.transfers_waiting);
  });
}

void write_reloads(JsonWriter& json, const wiring::ReloadState& reload) {
  json.object("reloads", [&] {
    json.member("applied", reload.applied);
    json.member("unchanged", reload.unchanged);
    json.member("with_errors", reload.with_errors);
    json.member("config_errors", reload.errors);
  });
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

  void write(JsonWriter& json) const {
    json.member("runs", runs);
    json.member("errors", errors);
    json.member("warnings", warnings);
    json.member("samples", samples);
    json.member("dropped", dropped);
    json.member("skipped", skipped);
    json.member("sat_out", sat_out);
  }
};

void write_instance(JsonWriter& json, const metrics::RunStats& stats) {
  json.object(stats.instance->id, [&] {
    RunCounters counters;
    counters.add(stats);
    counters.write(json);
    json.member("failed_runs_in_a_row", stats.failed_runs);
    json.member("last_samples", stats.last_samples);
    real(json, "average_duration_seconds", in_seconds(stats.average_duration()));
  });
}

std::uint64_t total_of(const std::map<std::string, std::uint64_t>& by_reason) {
  std::uint64_t sum = 0;
  for (const auto& [reason, count] : by_reason) {
    sum += count;
  }
  return sum;
}

/// Of a check as a whole since the start, also of instances that went.
void write_totals(JsonWriter& json, const check::schedule::CheckTotals& totals) {
  RunCounters{.runs = totals.runs,
              .errors = totals.errors,
              .warnings = totals.warnings,
              .samples = totals.samples,
              .dropped = total_of(totals.dropped),
              .skipped = totals.skipped,
              .sat_out = totals.sat_out}
      .write(json);
  real(json, "run_seconds", in_seconds(totals.run_time));
  json.object("dropped_by_reason", [&] {
    for (const auto& [reason, count] : totals.dropped) {
      json.member(reason, count);
    }
  });
}

void write_checks(JsonWriter& json, const SelfReport& report) {
  std::map<std::string, std::vector<const metrics::RunStats*>> by_name;
  for (const metrics::RunStats& stats : report.instances) {
    by_name[stats.instance->check_name].push_back(&stats);
  }
  json.object("checks", [&] {
    for (const auto& check : report.own.by_check) {
      json.object(check.first, [&] {
        write_totals(json, check.second);
        json.object("instances", [&] {
          for (const metrics::RunStats* const stats : by_name[check.first]) {
            write_instance(json, *stats);
          }
        });
      });
    }
  });
}

void write_exporters(JsonWriter& json, const std::vector<wiring::ExporterState>& exporters) {
  for (const wiring::ExporterState& exporter : exporters) {
    json.object(exporter.name, [&] {
      for (const auto& [name, value] : exporter.figures.counters) {
        json.member(name, value);
      }
      if (exporter.figures.queued) {
        json.member("packets_queued", *exporter.figures.queued);
      }
    });
  }
}

}  // namespace

std::string debug_vars(const SelfReport& report) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  write_process(json, report);
  write_rtloader(json);
  write_memtrack(json);
  write_scheduler(json, report.own.scheduler);
  write_loop(json, report.own);
  write_reloads(json, report.own.reload);
  write_checks(json, report);
  write_exporters(json, report.own.exporters);
  write_python(json, report.python);
  json.end_object();
  return text + "\n";
}

}  // namespace heapwatch::agent::pages
