#include "agent/pages/own_metrics.h"

#include <chrono>
#include <deque>
#include <iterator>
#include <string>
#include <utility>

#include "base/remembered.h"
#include "check/memory/leak_series.h"

namespace heapwatch::agent::pages {

namespace {

using exporters::OwnFamily;
using Type = OwnFamily::Type;

class Families {
 public:
  OwnFamily& family(const char* name, const char* help, Type type) {
    families_.push_back({.name = name, .help = help, .type = type, .metrics = {}});
    return families_.back();
  }
  void one(const char* name, const char* help, Type type, double value) {
    family(name, help, type).metrics.push_back({.labels = {}, .value = value});
  }
  template <typename Number>
  void by_check(const OwnFigures& figures, const char* name, const char* help, Type type,
                Number check::schedule::CheckTotals::*member) {
    OwnFamily& made = family(name, help, type);
    for (const auto& [check, totals] : figures.by_check) {
      made.metrics.push_back(
          {.labels = {{"check", check}}, .value = static_cast<double>(totals.*member)});
    }
  }
  std::vector<OwnFamily> take() {
    return {std::make_move_iterator(families_.begin()), std::make_move_iterator(families_.end())};
  }

 private:
  std::deque<OwnFamily> families_;  // references to its members stay good
};

void add(OwnFamily& family, std::vector<std::pair<std::string, std::string>> labels, double value) {
  family.metrics.push_back({.labels = std::move(labels), .value = value});
}

void add_checks(Families& out, const OwnFigures& figures) {
  using check::schedule::CheckTotals;
  out.by_check(figures, "heapwatch_check_runs_total", "Runs of check instances.", Type::counter,
               &CheckTotals::runs);
  out.by_check(figures, "heapwatch_check_errors_total", "Runs that failed.", Type::counter,
               &CheckTotals::errors);
  out.by_check(figures, "heapwatch_check_warnings_total", "Warnings of runs.", Type::counter,
               &CheckTotals::warnings);
  out.by_check(figures, "heapwatch_check_samples_total", "Samples that runs submitted.",
               Type::counter, &CheckTotals::samples);
  out.by_check(figures, "heapwatch_check_instances", "Instances that are configured.", Type::gauge,
               &CheckTotals::instances);
  out.by_check(figures, "heapwatch_check_instances_failing", "Instances whose last run failed.",
               Type::gauge, &CheckTotals::failing);
  OwnFamily& skipped = out.family(
      "heapwatch_check_skipped_turns_total",
      "Turns without a run: the last run was still going on, or the target keeps failing.",
      Type::counter);
  for (const auto& [check, totals] : figures.by_check) {
    add(skipped, {{"check", check}, {"reason", "running"}}, static_cast<double>(totals.skipped));
    add(skipped, {{"check", check}, {"reason", "backoff"}}, static_cast<double>(totals.sat_out));
  }
  OwnFamily& dropped = out.family("heapwatch_check_samples_dropped_total",
                                  "Samples of runs that were dropped, by reason.", Type::counter);
  OwnFamily& durations =
      out.family("heapwatch_check_run_duration_seconds", "How long runs took.", Type::summary);
  for (const auto& [check, totals] : figures.by_check) {
    for (const auto& [reason, count] : totals.dropped) {
      add(dropped, {{"check", check}, {"reason", reason}}, static_cast<double>(count));
    }
    durations.metrics.push_back(
        {.labels = {{"check", check}}, .value = in_seconds(totals.run_time), .count = totals.runs});
  }
}

void add_check_memory(Families& out, const OwnFigures& figures) {
  OwnFamily& kept =
      out.family("heapwatch_check_kept_bytes_per_run",
                 "Bytes that a run of a check leaves behind, over many runs.", Type::gauge);
  OwnFamily& verdicts = out.family(
      "heapwatch_check_leak_verdict",
      "Whether a check leaks: 0 steady, 3 still filling, 4 cannot tell, 5 leak.", Type::gauge);
  for (const CheckVerdict& verdict : figures.check_verdicts) {
    add(kept, {{"check", verdict.check}, {"space", verdict.space}}, verdict.kept_per_run);
    add(verdicts, {{"check", verdict.check}, {"space", verdict.space}},
        check::memory::number_of(verdict.verdict));
  }
}

void add_queues(Families& out, const OwnFigures& figures) {
  out.one("heapwatch_series_held", "Series whose state is kept between runs.", Type::gauge,
          static_cast<double>(figures.scheduler.contexts));
  out.one("heapwatch_remembered_bytes",
          "Bytes that are remembered of names, tags and series, with what exporters hold of them.",
          Type::gauge, static_cast<double>(base::remembered().bytes.load()));
  out.one("heapwatch_http_transfers", "HTTP exchanges going on.", Type::gauge,
          static_cast<double>(figures.transfers_running));
  OwnFamily& queues =
      out.family("heapwatch_queue_depth",
                 "What waits: runs for a thread, HTTP exchanges for their turn, packets of "
                 "exporters for their sending.",
                 Type::gauge);
  add(queues, {{"queue", "check_runners"}},
      static_cast<double>(figures.scheduler.waiting_for_runner));
  add(queues, {{"queue", "http"}}, static_cast<double>(figures.transfers_waiting));
  for (const wiring::ExporterState& exporter : figures.exporters) {
    if (exporter.figures.queued) {
      add(queues, {{"queue", exporter.name}}, static_cast<double>(*exporter.figures.queued));
    }
  }
  out.one("heapwatch_event_loop_lag_seconds",
          "How long a task had to wait for the event loop lately, or has to now.", Type::gauge,
          in_seconds(figures.lag));
  out.one("heapwatch_event_loop_lag_max_seconds", "The longest such wait of a minute.", Type::gauge,
          in_seconds(figures.lag_max));
  OwnFamily& lost = out.family("heapwatch_exporter_snapshots_lost_total",
                               "Runs that an exporter had no memory for.", Type::counter);
  for (const wiring::ExporterState& exporter : figures.exporters) {
    if (!exporter.address.empty()) {
      add(lost, {{"exporter", exporter.name}}, static_cast<double>(exporter.lost));
    }
  }
  out.one("heapwatch_log_lines_lost_total",
          "Lines of the log that were dropped because standard error was not read.", Type::counter,
          static_cast<double>(figures.log_lines_lost));
}

void add_reloads(Families& out, const OwnFigures& figures) {
  OwnFamily& reloads =
      out.family("heapwatch_reloads_total", "Times the configuration was read again, by result.",
                 Type::counter);
  add(reloads, {{"result", "applied"}}, static_cast<double>(figures.reload.applied));
  add(reloads, {{"result", "unchanged"}}, static_cast<double>(figures.reload.unchanged));
  add(reloads, {{"result", "with_errors"}}, static_cast<double>(figures.reload.with_errors));
  out.one("heapwatch_config_errors", "Errors in the configuration as it was last read.",
          Type::gauge, static_cast<double>(figures.reload.errors));
  if (figures.reload.last) {
    out.one("heapwatch_last_reload_timestamp_seconds",
            "When the configuration was last read again, in Unix time.", Type::gauge,
            in_seconds(figures.reload.last->time_since_epoch()));
  }
}

void add_discovery(Families& out, const std::vector<wiring::DiscoveryState>& all) {
  OwnFamily& instances = out.family("heapwatch_discovery_instances",
                                    "Discovered targets that are watched.", Type::gauge);
  OwnFamily& refused = out.family(
      "heapwatch_discovery_refused_targets",
      "Targets that are not watched: not allowed, without an address, or wrong.", Type::gauge);
  OwnFamily& dropped = out.family("heapwatch_discovery_dropped_targets",
                                  "Targets that rules of relabelling drop.", Type::gauge);
  OwnFamily& elsewhere =
      out.family("heapwatch_discovery_elsewhere_targets",
                 "Targets that are for other agents, by the shard of the template.", Type::gauge);
  OwnFamily& targets =
      out.family("heapwatch_discovery_targets", "Targets that a source names.", Type::gauge);
  OwnFamily& requests =
      out.family("heapwatch_discovery_requests_total", "Times a source was asked.", Type::counter);
  OwnFamily& failures =
      out.family("heapwatch_discovery_failures_total",
                 "Times a source was broken, in part or as a whole; what it said before stays.",
                 Type::counter);
  OwnFamily& age = out.family("heapwatch_discovery_list_age_seconds",
                              "Time since all that a source says was good.", Type::gauge);
  const auto now = std::chrono::system_clock::now();
  for (const wiring::DiscoveryState& one : all) {
    const std::vector<std::pair<std::string, std::string>> labels{{"check", one.check_name},
                                                                  {"template", one.name}};
    add(instances, labels, static_cast<double>(one.instances));
    add(refused, labels, static_cast<double>(one.refused));
    add(dropped, labels, static_cast<double>(one.dropped));
    add(elsewhere, labels, static_cast<double>(one.elsewhere));
    for (const discovery::SourceState& source : one.sources) {
      auto of_source = labels;
      of_source.emplace_back("source", source.name);
      add(targets, of_source, static_cast<double>(source.targets));
      add(requests, of_source, static_cast<double>(source.asked));
      add(failures, of_source, static_cast<double>(source.failures));
      if (source.good) {
        add(age, of_source, in_seconds(now - *source.good));
      }
    }
  }
}

void add_history(Families& out, const history::Recorder::Status& history) {
  out.one("heapwatch_history_bytes", "What the file of the history takes on the disk.", Type::gauge,
          static_cast<double>(history.bytes));
  out.one("heapwatch_history_frames_total", "Frames of processes that were written.", Type::counter,
          static_cast<double>(history.written));
  out.one("heapwatch_history_lost_total", "Frames, profiles and events that could not be written.",
          Type::counter, static_cast<double>(history.lost));
  out.one("heapwatch_history_stopped", "Whether the history stands still; the log says why.",
          Type::gauge, history.trouble.empty() ? 0 : 1);
}

}  // namespace

std::vector<OwnFamily> own_metrics(const OwnFigures& figures) {
  Families out;
  add_checks(out, figures);
  add_check_memory(out, figures);
  add_queues(out, figures);
  add_reloads(out, figures);
  if (!figures.discovery.empty()) {
    add_discovery(out, figures.discovery);
  }
  if (figures.history) {
    add_history(out, *figures.history);
  }
  std::vector<OwnFamily> families = out.take();
  for (const wiring::ExporterState& exporter : figures.exporters) {
    families.insert(families.end(), exporter.figures.families.begin(),
                    exporter.figures.families.end());
  }
  return families;
}

}  // namespace heapwatch::agent::pages
