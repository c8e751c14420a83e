#include "exporters/console/status.h"

#include <algorithm>
#include <numeric>
#include <string_view>

#include "exporters/console/json.h"

namespace heapwatch::exporters::console {

namespace {

using TimePoint = std::chrono::system_clock::time_point;

constexpr std::size_t durations_max = 32;

std::int64_t milliseconds_of(TimePoint time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

/// 1234567 as `1,234,567`.
std::string with_commas(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

void append_padded(std::string& out, std::int64_t number, std::size_t width) {
  const std::string digits = std::to_string(number);
  out.append(width - std::min(width, digits.size()), '0');
  out += digits;
}

/// `2025-01-02 03:04:05 UTC (1735787045000)`.
std::string date(TimePoint time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day calendar(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  std::string text;
  append_padded(text, static_cast<int>(calendar.year()), 4);
  text += '-';
  append_padded(text, static_cast<unsigned>(calendar.month()), 2);
  text += '-';
  append_padded(text, static_cast<unsigned>(calendar.day()), 2);
  text += ' ';
  append_padded(text, clock.hours().count(), 2);
  text += ':';
  append_padded(text, clock.minutes().count(), 2);
  text += ':';
  append_padded(text, clock.seconds().count(), 2);
  return text + " UTC (" + std::to_string(milliseconds_of(time)) + ")";
}

std::string last_and_total(std::uint64_t last, std::uint64_t total) {
  return "Last Run: " + with_commas(last) + ", Total: " + with_commas(total);
}

std::string verdict(const InstanceStatus& status, const StatusOptions& options) {
  const bool failed = !status.last_error.empty();
  const bool warned = !status.last_warnings.empty();
  const std::string word = failed ? "ERROR" : warned ? "WARNING" : "OK";
  if (!options.colour) {
    return "[" + word + "]";
  }
  return (failed ? "[\x1b[31m" : warned ? "[\x1b[33m" : "[\x1b[32m") + word + "\x1b[0m]";
}

/// Further lines of a text stand below its first.
std::string indented(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '\n') {
      out += "      ";
    }
  }
  return out;
}

void count(std::uint64_t& last, std::uint64_t& total, std::uint64_t run) {
  last = run == 0 ? last : run;
  total += run;
}

}  // namespace

void record_run(InstanceStatus& status, const metrics::Snapshot& run) {
  status.instance = run.instance;
  ++status.runs;
  count(status.samples_last, status.samples_total, run.samples);
  count(status.events_last, status.events_total, run.events.size());
  count(status.service_checks_last, status.service_checks_total, run.service_checks.size());
  status.warnings += run.warnings.size();
  status.last_warnings = run.warnings;
  status.durations.push_back(std::chrono::round<std::chrono::milliseconds>(run.duration));
  if (status.durations.size() > durations_max) {
    status.durations.pop_front();
  }
  status.last_run = run.time.wall;
  if (run.error) {
    ++status.errors;
    status.last_error = run.error->message;
  } else {
    status.last_error.clear();
    status.last_success = run.time.wall;
  }
}

std::chrono::milliseconds average_duration(const InstanceStatus& status) {
  const auto sum = std::accumulate(status.durations.begin(), status.durations.end(),
                                   std::chrono::milliseconds{0});
  return status.durations.empty() ? sum : sum / static_cast<std::int64_t>(status.durations.size());
}

std::string render_status_heading(const metrics::Instance& instance) {
  std::string title = instance.check_name;
  if (!instance.check_version.empty()) {
    title += " (" + instance.check_version + ")";
  }
  return "    " + title + "\n    " + std::string(title.size(), '-') + "\n";
}

std::string render_status_block(const InstanceStatus& status, const StatusOptions& options) {
  std::string out;
  const auto line = [&out](std::string_view name, std::string_view value) {
    out += "      ";
    out += name;
    out += value;
    out += '\n';
  };
  line("Instance ID: ", status.instance->id + " " + verdict(status, options));
  line("Configuration Source: ", status.instance->source);
  line("Total Runs: ", with_commas(status.runs));
  line("Metric Samples: ", last_and_total(status.samples_last, status.samples_total));
  line("Events: ", last_and_total(status.events_last, status.events_total));
  line("Service Checks: ", last_and_total(status.service_checks_last, status.service_checks_total));
  line("Average Execution Time : ", std::to_string(average_duration(status).count()) + "ms");
  line("Last Execution Date : ", status.last_run ? date(*status.last_run) : "Never");
  line("Last Successful Execution Date : ",
       status.last_success ? date(*status.last_success) : "Never");
  if (!status.last_error.empty()) {
    line("Error: ", indented(status.last_error));
  }
  for (const std::string& warning : status.last_warnings) {
    line("Warning: ", indented(warning));
  }
  return out;
}

void append_status(Json& json, const InstanceStatus& status) {
  json.begin_object();
  json.member("CheckName", status.instance->check_name);
  json.member("CheckVersion", status.instance->check_version);
  json.member("CheckConfigSource", status.instance->source);
  json.member("CheckID", status.instance->id);
  json.member("TotalRuns", status.runs);
  json.member("TotalErrors", status.errors);
  json.member("TotalWarnings", status.warnings);
  json.member("MetricSamples", status.samples_last);
  json.member("Events", status.events_last);
  json.member("ServiceChecks", status.service_checks_last);
  json.member("TotalMetricSamples", status.samples_total);
  json.member("TotalEvents", status.events_total);
  json.member("TotalServiceChecks", status.service_checks_total);
  json.key("ExecutionTimes");
  json.begin_array();
  for (const auto duration : status.durations) {
    json.number(base::Number::of(duration.count()));
  }
  json.end_array();
  json.member("AverageExecutionTime", base::Number::of(average_duration(status).count()));
  json.member("LastExecutionTime",
              base::Number::of(status.durations.empty() ? 0 : status.durations.back().count()));
  const auto moment = [&json](std::string_view name, const std::optional<TimePoint>& time) {
    json.member(name, base::Number::of(time ? milliseconds_of(*time) : 0));
  };
  moment("LastExecutionDate", status.last_run);
  moment("LastSuccessDate", status.last_success);
  json.member("LastError", status.last_error);
  json.member("LastWarnings", status.last_warnings);
  json.end_object();
}

std::string render_status_json(const InstanceStatus& status) {
  Json json;
  append_status(json, status);
  return json.take();
}

}  // namespace heapwatch::exporters::console
