#include "check/go_expvar/config.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "check/go_expvar/instance_names.h"
#include "check/http/http_options.h"
#include "check/instance_options.h"
#include "check/target_url.h"
#include "config/section.h"

namespace heapwatch::check::go_expvar {

namespace {

using config::Section;
using config::Value;
using metrics::MetricType;

constexpr std::array<std::pair<std::string_view, MetricType>, 5> metric_types{{
    {"gauge", MetricType::gauge},
    {"rate", MetricType::rate},
    {"count", MetricType::count},
    {"counter", MetricType::counter},
    {"monotonic_counter", MetricType::monotonic_counter},
}};

std::optional<expvar::Path> read_path(Section& metric) {
  const Value* const value = metric.value().find("path");
  base::Result<expvar::Path> path;
  if (value != nullptr && value->kind == Value::Kind::list) {
    const auto segments = metric.texts("path");
    if (!segments) {
      return std::nullopt;
    }
    path = expvar::make_path(*segments);
  } else {
    const auto text = metric.text("path");
    if (!text && value != nullptr && value->kind != Value::Kind::null) {
      return std::nullopt;
    }
    path = text && !text->empty() ? expvar::parse_path(*text) : expvar::Path{};
  }
  if (!path) {
    metric.error("path", path.error().message);
    return std::nullopt;
  }
  if (path->segments.empty()) {
    metric.error("path", "a metric needs a path, for instance memstats/HeapAlloc");
    return std::nullopt;
  }
  return *path;
}

std::optional<MetricEntry> read_metric(Section& metric) {
  auto path = read_path(metric);
  MetricEntry entry;
  entry.type =
      metric.one_of<MetricType>("type", metric_types, "metric type").value_or(MetricType::gauge);
  if (entry.type == MetricType::counter) {
    metric.warning("type",
                   "metric type counter is deprecated; monotonic_counter is what a running total "
                   "needs");
  }
  entry.alias = metric.text("alias");
  const auto flush_first_value = metric.boolean("flush_first_value");
  entry.flush_first_value = flush_first_value.value_or(false);
  if (flush_first_value && entry.type != MetricType::rate &&
      entry.type != MetricType::monotonic_counter) {
    metric.warning("flush_first_value",
                   "flush_first_value concerns rate and monotonic_counter, and has no effect here");
  }
  entry.tags = metric.texts("tags").value_or(std::vector<std::string>());
  metric.finish();
  if (!path) {
    return std::nullopt;
  }
  entry.path = *std::move(path);
  return entry;
}

std::string_view suffix_of(MetricType type) {
  switch (type) {
    case MetricType::gauge:
      return ".gauge";
    case MetricType::rate:
      return ".rate";
    default:
      return ".count";
  }
}

/// Whether `entry` adds something to those before it; says what is wrong where it cannot. One name
/// has one type: the path of an entry before it, with another type, gives it a name of its own.
bool is_another(MetricEntry& entry, Section& metric,
                const std::vector<std::pair<MetricEntry, int>>& before) {
  for (const auto& [other, line] : before) {
    if (other.path.text() != entry.path.text() ||
        other.alias.value_or("") != entry.alias.value_or("")) {
      continue;
    }
    const std::string listed =
        "path " + entry.path.text() + " is listed already at line " + std::to_string(line);
    if (other.type != entry.type && !entry.alias.value_or("").empty()) {
      metric.error("path", listed + " with this alias as " +
                               std::string(metrics::to_text(other.type)) +
                               ", and one name has one type; give it another alias");
      return false;
    }
    if (other.type != entry.type) {
      entry.suffix = suffix_of(entry.type);
    } else if (other.tags == entry.tags && other.alias == entry.alias) {
      metric.warning("path", listed + "; it is collected once");
      return false;
    }
  }
  return true;
}

/// An entry with an error is left out; `lost` then has the error.
std::vector<MetricEntry> read_metrics(Section& instance, config::Diagnostics& lost) {
  std::vector<std::pair<MetricEntry, int>> read;
  const Value* const list = instance.raw("metrics");
  if (list == nullptr || list->kind != Value::Kind::list) {
    (void)instance.sections("metrics");  // says what else it is
    return {};
  }
  const std::string name = instance.name_of("metrics") + " -> ";
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    config::Diagnostics found;
    Section metric(list->items[i], instance.file(), found, name + std::to_string(i + 1));
    if (list->items[i].kind == Value::Kind::null) {
      metric.error("",
                   name + std::to_string(i + 1) + " must be a map of keys and values, not nothing");
    }
    auto entry = found.has_errors() ? std::nullopt : read_metric(metric);
    if (entry && !found.has_errors() && is_another(*entry, metric, read)) {
      read.emplace_back(*std::move(entry), metric.value().line);
    }
    lost.append(found);
  }
  std::vector<MetricEntry> entries;
  entries.reserve(read.size());
  for (auto& [entry, line] : read) {
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<expvar::Path> read_patterns(Section& instance, std::string_view key) {
  std::vector<expvar::Path> paths;
  for (const std::string& text : instance.texts(key).value_or(std::vector<std::string>())) {
    if (auto path = expvar::parse_path(text)) {
      paths.push_back(*std::move(path));
    } else {
      instance.error(key, path.error().message);
    }
  }
  return paths;
}

std::optional<Everything> read_everything(Section& instance) {
  const bool on = instance.boolean("auto").value_or(false);
  Everything everything{.include = read_patterns(instance, "include"),
                        .exclude = read_patterns(instance, "exclude")};
  if (on) {
    return everything;
  }
  for (const std::string_view key : {"include", "exclude"}) {
    if (instance.value().find(key) != nullptr) {
      instance.warning(key, std::string(key) + " says what `auto: true` collects, which is off");
    }
  }
  return std::nullopt;
}

CollectorOptions read_collector(Section& init_config, Section& instance,
                                const config::AgentConfig& agent, config::Diagnostics& lost) {
  CollectorOptions options;
  InstanceNames names = read_names(init_config, instance, agent);
  options.prefix = std::move(names.prefix);
  options.naming = names.naming;
  options.memstats = names.memstats;
  options.go_collector_names =
      names.memstats && names.memstats_names == config::MemstatsNames::go_collector;
  options.max_returned_metrics = static_cast<std::size_t>(
      instance.integer("max_returned_metrics", 0, static_cast<std::int64_t>(returned_metrics_max))
          .value_or(static_cast<std::int64_t>(returned_metrics_default)));
  options.metrics = read_metrics(instance, lost);
  options.everything = read_everything(instance);
  return options;
}

/// What each run says of the entries that are left out.
std::vector<std::string> sentences(const config::Diagnostics& lost) {
  constexpr std::size_t each_max = 10;
  std::vector<std::string> texts;
  for (const config::Diagnostic& diagnostic : lost.all()) {
    if (diagnostic.severity == config::Diagnostic::Severity::error) {
      texts.push_back("this entry is left out: " + config::to_text(diagnostic));
    }
  }
  if (texts.size() > each_max) {
    const std::size_t more = texts.size() - each_max;
    texts.resize(each_max);
    texts.push_back("and " + base::counted(more, "entry more is", "entries more are") +
                    " left out");
  }
  return texts;
}

}  // namespace

std::optional<GoExpvarConfig> read_config(const InstanceSource& source,
                                          config::Diagnostics& diagnostics) {
  InstanceSections sections(source);
  Section& init_config = sections.init_config;
  Section& instance = sections.instance;
  const auto target = read_target_url(instance);
  auto request = http::read_http_options(init_config, instance, source.agent);
  auto options = read_instance_options(init_config, instance, source.file.check_name, source.agent);
  config::Diagnostics lost;
  CollectorOptions collector = read_collector(init_config, instance, source.agent, lost);
  const bool can_connect = instance.boolean("can_connect").value_or(false);
  const bool push_profile = instance.boolean("push_profile").value_or(false);
  const bool well = sections.finish(diagnostics);
  diagnostics.append(lost);
  if (!well || !target || !request || !options) {
    return std::nullopt;
  }
  aim(*request, *target);
  collector.target = target->shown;
  collector.tags = std::move(options->tags);
  if (options->empty_default_hostname) {
    collector.host = std::string();
  }
  collector.tags.push_back(std::string(url_key) + ":" + target->shown);
  collector.allows = [patterns = std::move(options->metric_patterns)](std::string_view name) {
    return patterns.allows(name);
  };
  GoExpvarConfig config{.request = std::make_shared<const net::HttpRequest>(*std::move(request)),
                        .target = target->shown,
                        .interval = options->interval,
                        .collector = {},
                        .lost_entries = sentences(lost),
                        .can_connect_tags = std::nullopt};
  if (can_connect) {
    config.can_connect_tags = collector.tags;
  }
  if (push_profile) {
    config.profile = ProfilePage{.target = target->shown,
                                 .request = profile_request(*config.request),
                                 .tags = collector.tags};
  }
  config.collector = std::move(collector);
  return config;
}

}  // namespace heapwatch::check::go_expvar
