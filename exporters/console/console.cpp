#include "exporters/console/console.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/printable.h"
#include "exporters/console/json.h"

namespace heapwatch::exporters::console {

namespace {

using metrics::MetricType;

/// One series as the Agent would hand it to Datadog.
struct ApiSeries {
  std::string metric;
  std::int64_t time = 0;
  base::Number value;
  metrics::Tags tags;
  std::string host;
  std::string device;
  std::string_view type;
};

constexpr std::string_view gauge = "gauge";
constexpr std::string_view count = "count";
constexpr std::string_view rate = "rate";

std::string_view api_type(MetricType type) {
  switch (type) {
    case MetricType::count:
    case MetricType::monotonic_counter:
      return count;
    case MetricType::counter:
      return rate;
    case MetricType::gauge:
    case MetricType::rate:
    case MetricType::histogram:
    case MetricType::historate:
    case MetricType::set:
      break;
  }
  return gauge;
}

std::int64_t seconds_of(std::chrono::system_clock::time_point time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

/// Datadog has a field for the device; the last `device:` tag fills it.
void move_device(ApiSeries& series) {
  constexpr std::string_view prefix = "device:";
  std::erase_if(series.tags, [&](const std::string& tag) {
    if (tag.rfind(prefix, 0) != 0) {
      return false;
    }
    series.device = tag.substr(prefix.size());
    return true;
  });
}

void append_series(std::vector<ApiSeries>& all, const metrics::Series& series,
                   const ConsoleOptions& options) {
  ApiSeries made;
  made.metric = series.context.name();
  made.time = seconds_of(series.time);
  made.tags = series.context.tags().copy();
  made.host = std::string(series.context.host().value_or(options.hostname));
  made.type = api_type(series.type);
  move_device(made);
  if (series.distribution) {
    const std::string name = std::move(made.metric);
    for (const auto& aggregate : metrics::aggregate(series.distribution->run, options.histograms)) {
      made.metric = name + "." + aggregate.suffix;
      made.type = aggregate.is_rate ? rate : gauge;
      made.value = aggregate.value;
      all.push_back(made);
    }
  } else if (series.value) {
    made.value = *series.value;
    all.push_back(std::move(made));
  }
}

std::vector<ApiSeries> api_series(Runs runs, const ConsoleOptions& options) {
  std::vector<ApiSeries> all;
  for (const metrics::Snapshot& run : runs) {
    for (const metrics::Series& series : run.series) {
      if (series.context.audience() != metrics::Audience::prometheus) {
        append_series(all, series, options);
      }
    }
  }
  return all;
}

bool any_service_checks(Runs runs) {
  return std::any_of(runs.begin(), runs.end(),
                     [](const metrics::Snapshot& run) { return !run.service_checks.empty(); });
}

bool any_events(Runs runs) {
  return std::any_of(runs.begin(), runs.end(),
                     [](const metrics::Snapshot& run) { return !run.events.empty(); });
}

void write_series(Json& json, const std::vector<ApiSeries>& all) {
  json.begin_array();
  for (const ApiSeries& series : all) {
    json.begin_object();
    json.member("metric", series.metric);
    json.key("points");
    json.begin_array();
    json.begin_array();
    json.number(base::Number::of(series.time));
    json.number(series.value);
    json.end_array();
    json.end_array();
    json.member("tags", series.tags);
    json.member("host", series.host);
    if (!series.device.empty()) {
      json.member("device", series.device);
    }
    json.member("type", series.type);
    json.member("interval", std::uint64_t{series.type == gauge ? 0U : 1U});
    json.member("source_type_name", "System");
    json.end_object();
  }
  json.end_array();
}

void write_service_checks(Json& json, Runs runs, const ConsoleOptions& options) {
  json.begin_array();
  for (const metrics::Snapshot& run : runs) {
    for (const metrics::ServiceCheck& check : run.service_checks) {
      json.begin_object();
      json.member("check", check.name);
      json.member("host_name", check.host.empty() ? options.hostname : check.host);
      json.member("timestamp", base::Number::of(seconds_of(run.time.wall)));
      json.member("status", static_cast<std::uint64_t>(check.status));
      json.member("message", check.message);
      json.member("tags", check.tags);
      json.end_object();
    }
  }
  json.end_array();
}

std::int64_t time_of(const metrics::Event& event, const metrics::Snapshot& run) {
  return event.time ? event.time->time_since_epoch().count() : seconds_of(run.time.wall);
}

void write_events(Json& json, Runs runs, const ConsoleOptions& options) {
  json.begin_array();
  for (const metrics::Snapshot& run : runs) {
    for (const metrics::Event& event : run.events) {
      json.begin_object();
      json.member("msg_title", event.title);
      json.member("msg_text", event.text);
      json.member("timestamp", base::Number::of(time_of(event, run)));
      const auto unless_empty = [&json](std::string_view name, std::string_view value) {
        if (!value.empty()) {
          json.member(name, value);
        }
      };
      unless_empty("priority", event.priority);
      json.member("host", event.host.empty() ? options.hostname : event.host);
      json.member("tags", event.tags);
      unless_empty("alert_type", event.alert_type);
      unless_empty("aggregation_key", event.aggregation_key);
      unless_empty("source_type_name", event.source_type_name);
      json.end_object();
    }
  }
  json.end_array();
}

template <typename Write>
std::string section(std::string_view title, Write write) {
  Json json;
  write(json);
  return "=== " + std::string(title) + " ===\n" + json.take() + "\n";
}

std::string joined(const metrics::Tags& tags) {
  std::string text;
  for (const std::string& tag : tags) {
    text += text.empty() ? "" : ", ";
    text += tag;
  }
  return text;
}

using Row = std::vector<std::string>;

/// Columns as wide as their widest cell, a tab between them, nothing after the last cell. A cell
/// stays in its row, whatever it holds.
std::string columns(std::vector<Row> rows) {
  for (Row& row : rows) {
    for (std::string& cell : row) {
      cell = base::printable(cell);
    }
  }
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string out;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      out += row[i];
      out.append(widths[i] - row[i].size(), ' ');
      out += '\t';
    }
    out += row.back();
    out += '\n';
  }
  return out;
}

std::string series_table(std::vector<ApiSeries> all) {
  std::stable_sort(all.begin(), all.end(), [](const ApiSeries& a, const ApiSeries& b) {
    return std::tie(a.metric, a.time, a.tags) < std::tie(b.metric, b.time, b.tags);
  });
  std::vector<Row> rows{{"METRIC", "TYPE", "TIMESTAMP", "VALUE", "TAGS"}};
  for (const ApiSeries& series : all) {
    std::string value;
    append_plain(value, series.value);
    rows.push_back({series.metric, std::string(series.type), std::to_string(series.time),
                    std::move(value), joined(series.tags)});
  }
  return "=== Series ===\n" + columns(std::move(rows));
}

std::string check_table(Runs runs) {
  std::vector<Row> rows{{"CHECK", "STATUS", "TIMESTAMP", "MESSAGE", "TAGS"}};
  for (const metrics::Snapshot& run : runs) {
    for (const metrics::ServiceCheck& check : run.service_checks) {
      rows.push_back({check.name, std::to_string(static_cast<int>(check.status)),
                      std::to_string(seconds_of(run.time.wall)), check.message,
                      joined(check.tags)});
    }
  }
  return "=== Service Checks ===\n" + columns(std::move(rows));
}

std::string event_table(Runs runs) {
  std::vector<Row> rows{{"TITLE", "TEXT", "TIMESTAMP", "PRIORITY", "TAGS"}};
  for (const metrics::Snapshot& run : runs) {
    for (const metrics::Event& event : run.events) {
      rows.push_back({event.title, event.text, std::to_string(time_of(event, run)), event.priority,
                      joined(event.tags)});
    }
  }
  return "=== Events ===\n" + columns(std::move(rows));
}

void write_instance(Json& json, const InstanceRuns& instance, const ConsoleOptions& options) {
  json.begin_object();
  json.key("aggregator");
  json.begin_object();
  if (const auto all = api_series(instance.runs, options); !all.empty()) {
    json.key("metrics");
    write_series(json, all);
  }
  if (any_service_checks(instance.runs)) {
    json.key("service_checks");
    write_service_checks(json, instance.runs, options);
  }
  if (any_events(instance.runs)) {
    json.key("events");
    write_events(json, instance.runs, options);
  }
  json.end_object();
  json.key("runner");
  append_status(json, instance.status);
  json.key("inventories");
  json.begin_object();
  json.member("config.hash", instance.status.instance->id);
  json.member("config.source", instance.status.instance->source);
  json.member("version", instance.status.instance->check_version);
  json.end_object();
  json.end_object();
}

}  // namespace

std::string render_text(Runs runs, const ConsoleOptions& options) {
  std::string out =
      section("Series", [&](Json& json) { write_series(json, api_series(runs, options)); });
  if (any_service_checks(runs)) {
    out +=
        section("Service Checks", [&](Json& json) { write_service_checks(json, runs, options); });
  }
  if (any_events(runs)) {
    out += section("Events", [&](Json& json) { write_events(json, runs, options); });
  }
  return out;
}

std::string render_table(Runs runs, const ConsoleOptions& options) {
  std::string out = series_table(api_series(runs, options));
  out += any_service_checks(runs) ? check_table(runs) : "";
  out += any_events(runs) ? event_table(runs) : "";
  return out;
}

std::string render_json(std::span<const InstanceRuns> instances, const ConsoleOptions& options) {
  Json json;
  json.begin_array();
  for (const InstanceRuns& instance : instances) {
    write_instance(json, instance, options);
  }
  json.end_array();
  return json.take() + "\n";
}

std::string render_dogstatsd(const metrics::Snapshot& run, const dogstatsd::LineOptions& options) {
  dogstatsd::LineWriter writer(options);
  std::string lines;
  for (const metrics::Series& series : run.series) {
    writer.append(lines, series);
  }
  for (const metrics::ServiceCheck& check : run.service_checks) {
    writer.append(lines, check);
  }
  for (const metrics::Event& event : run.events) {
    writer.append(lines, event);
  }
  return lines;
}

std::vector<Unshown> series_without_value(Runs runs) {
  std::vector<Unshown> found;
  std::unordered_map<metrics::Context, bool, metrics::ContextHash> shown;
  for (const metrics::Snapshot& run : runs) {
    for (const metrics::Series& series : run.series) {
      if (series.context.audience() == metrics::Audience::prometheus) {
        continue;
      }
      const bool has_value = series.value || series.distribution;
      const auto [entry, is_new] = shown.try_emplace(series.context, has_value);
      entry->second = entry->second || has_value;
      if (is_new && !has_value) {
        found.push_back({series.context, series.type});
      }
    }
  }
  std::erase_if(found, [&](const Unshown& series) { return shown[series.context]; });
  return found;
}

}  // namespace heapwatch::exporters::console
