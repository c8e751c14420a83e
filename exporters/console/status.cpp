#include "exporters/console/status.h"

#include <algorithm>
#include <string_view>

#include "base/printable.h"
#include "exporters/console/json.h"

namespace heapwatch::exporters::console {

namespace {

using TimePoint = std::chrono::system_clock::time_point;

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

std::int64_t milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::round<std::chrono::milliseconds>(duration).count();
}

std::string last_and_total(std::uint64_t last, std::uint64_t total) {
  return "Last Run: " + with_commas(last) + ", Total: " + with_commas(total);
}

/// A run that is still going on when the next should have begun.
bool is_overdue(const metrics::RunStats& status) {
  return status.running_for && *status.running_for > status.interval;
}

std::string verdict(const metrics::RunStats& status, const StatusOptions& options) {
  constexpr std::string_view red = "\x1b[31m";
  constexpr std::string_view yellow = "\x1b[33m";
  constexpr std::string_view green = "\x1b[32m";
  const auto [word, colour] = !status.last_error.empty()      ? std::pair("ERROR", red)
                              : is_overdue(status)            ? std::pair("RUNNING", yellow)
                              : !status.last_warnings.empty() ? std::pair("WARNING", yellow)
                              : status.runs == 0              ? std::pair("NOT RUN", yellow)
                                                              : std::pair("OK", green);
  return options.colour ? "[" + std::string(colour) + word + "\x1b[0m]"
                        : "[" + std::string(word) + "]";
}

/// Further lines of a text stand below its first.
std::string indented(std::string_view text) {
  std::string out;
  for (const char c : base::printable_lines(text)) {
    out += c;
    if (c == '\n') {
      out += "      ";
    }
  }
  return out;
}

}  // namespace

std::string render_status_heading(const metrics::Instance& instance) {
  std::string title = base::printable(instance.check_name);
  if (!instance.check_version.empty()) {
    title += " (" + instance.check_version + ")";
  }
  return "    " + title + "\n    " + std::string(title.size(), '-') + "\n";
}

std::string render_status_block(const metrics::RunStats& status, const StatusOptions& options) {
  std::string out;
  const auto line = [&out](std::string_view name, std::string_view value) {
    out += "      ";
    out += name;
    out += value;
    out += '\n';
  };
  line("Instance ID: ", base::printable(status.instance->id) + " " + verdict(status, options));
  line("Configuration Source: ", base::printable(status.instance->source));
  line("Total Runs: ", with_commas(status.runs));
  line("Metric Samples: ", last_and_total(status.last_samples, status.samples));
  line("Events: ", last_and_total(status.last_events, status.events));
  line("Service Checks: ", last_and_total(status.last_service_checks, status.service_checks));
  line("Average Execution Time : ", std::to_string(milliseconds(status.average_duration())) + "ms");
  line("Last Execution Date : ", status.last_run ? date(*status.last_run) : "Never");
  line("Last Successful Execution Date : ",
       status.last_success ? date(*status.last_success) : "Never");
  if (is_overdue(status)) {
    line("Running For: ",
         with_commas(static_cast<std::uint64_t>(
             std::chrono::floor<std::chrono::seconds>(*status.running_for).count())) +
             "s, Turns Skipped: " + with_commas(status.skipped));
  }
  if (status.failed_runs > 1) {
    line("Failed Runs In A Row: ",
         with_commas(status.failed_runs) +
             (status.sat_out == 0 ? std::string()
                                  : ", Turns Sat Out: " + with_commas(status.sat_out)));
  }
  if (!status.last_error.empty()) {
    line("Error: ", indented(status.last_error));
  }
  for (const std::string& warning : status.last_warnings) {
    line("Warning: ", indented(warning));
  }
  return out;
}

void append_status(Json& json, const metrics::RunStats& status) {
  json.begin_object();
  json.member("CheckName", status.instance->check_name);
  json.member("CheckVersion", status.instance->check_version);
  json.member("CheckConfigSource", status.instance->source);
  json.member("CheckID", status.instance->id);
  json.member("TotalRuns", status.runs);
  json.member("TotalErrors", status.errors);
  json.member("TotalWarnings", status.warnings);
  json.member("FailedRunsInARow", status.failed_runs);
  json.member("TurnsSatOut", status.sat_out);
  json.member("TurnsSkipped", status.skipped);
  if (status.running_for) {
    json.member("RunningForMs", static_cast<std::uint64_t>(milliseconds(*status.running_for)));
  }
  json.member("MetricSamples", status.last_samples);
  json.member("Events", status.last_events);
  json.member("ServiceChecks", status.last_service_checks);
  json.member("TotalMetricSamples", status.samples);
  json.member("TotalEvents", status.events);
  json.member("TotalServiceChecks", status.service_checks);
  json.key("ExecutionTimes");
  json.begin_array();
  for (const auto duration : status.durations) {
    json.number(base::Number::of(milliseconds(duration)));
  }
  json.end_array();
  json.member("AverageExecutionTime", base::Number::of(milliseconds(status.average_duration())));
  json.member(
      "LastExecutionTime",
      base::Number::of(status.durations.empty() ? 0 : milliseconds(status.durations.back())));
  const auto moment = [&json](std::string_view name, const std::optional<TimePoint>& time) {
    json.member(name, base::Number::of(time ? milliseconds_of(*time) : 0));
  };
  moment("LastExecutionDate", status.last_run);
  moment("LastSuccessDate", status.last_success);
  json.member("LastError", status.last_error);
  json.member("LastWarnings", status.last_warnings);
  json.end_object();
}

}  // namespace heapwatch::exporters::console
