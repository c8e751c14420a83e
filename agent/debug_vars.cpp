#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <map>

#include "agent/python_vars.h"
#include "agent/self_report.h"

namespace heapwatch::agent {

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

void write_scheduler(Writer& json, const check::Scheduler::Totals& totals) {
  json.Key("scheduler");
  json.StartObject();
  member(json, "instances", totals.instances);
  member(json, "running", totals.running);
  member(json, "waiting_for_runner", totals.waiting_for_runner);
  member(json, "contexts", totals.contexts);
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

  void add(const metrics::RunStats& stats) {
    runs += stats.runs;
    errors += stats.errors;
    warnings += stats.warnings;
    samples += stats.samples;
    dropped += stats.dropped;
    skipped += stats.skipped;
  }

  void write(Writer& json) const {
    member(json, "runs", runs);
    member(json, "errors", errors);
    member(json, "warnings", warnings);
    member(json, "samples", samples);
    member(json, "dropped", dropped);
    member(json, "skipped", skipped);
  }
};

void write_instance(Writer& json, const metrics::RunStats& stats) {
  json.Key(stats.instance->id.c_str());
  json.StartObject();
  RunCounters counters;
  counters.add(stats);
  counters.write(json);
  member(json, "last_samples", stats.last_samples);
  member(json, "average_duration_seconds",
         std::chrono::duration<double>(stats.average_duration()).count());
  json.EndObject();
}

void write_checks(Writer& json, const std::vector<metrics::RunStats>& instances) {
  std::map<std::string, std::vector<const metrics::RunStats*>> by_name;
  for (const metrics::RunStats& stats : instances) {
    by_name[stats.instance->check_name].push_back(&stats);
  }
  json.Key("checks");
  json.StartObject();
  for (const auto& [name, members] : by_name) {
    json.Key(name.c_str());
    json.StartObject();
    RunCounters total;
    for (const metrics::RunStats* const stats : members) {
      total.add(*stats);
    }
    total.write(json);
    json.Key("instances");
    json.StartObject();
    for (const metrics::RunStats* const stats : members) {
      write_instance(json, *stats);
    }
    json.EndObject();
    json.EndObject();
  }
  json.EndObject();
}

}  // namespace

std::string debug_vars(const SelfReport& report) {
  rapidjson::StringBuffer text;
  Writer json(text);
  json.StartObject();
  write_process(json, report);
  write_scheduler(json, report.scheduler);
  write_checks(json, report.instances);
  json.Key("dogstatsd");
  json.StartObject();
  for (const auto& [name, value] : report.dogstatsd) {
    member(json, name.c_str(), value);
  }
  json.EndObject();
  write_python(json, report.python);
  json.EndObject();
  return std::string(text.GetString(), text.GetSize()) + "\n";
}

}  // namespace heapwatch::agent
