#include "config/settings.h"

#include <algorithm>
#include <array>
#include <utility>

namespace heapwatch::config {

namespace {

Value& member(Value& map, std::string_view key) {
  if (map.kind != Value::Kind::map) {
    map = {};
    map.kind = Value::Kind::map;
  }
  const auto found = std::find_if(map.members.begin(), map.members.end(),
                                  [&](const Value::Member& one) { return one.key == key; });
  if (found != map.members.end()) {
    return found->value;
  }
  return map.members.emplace_back(Value::Member{std::string(key), 0, 0, {}}).value;
}

/// Sets options by their keys; a dot is a level of nesting.
class Writer {
 public:
  explicit Writer(Value& root) : root_(root) {}

  void text(std::string_view key, const std::string& text) {
    if (!text.empty()) {
      set(key, Value::scalar(text, true));
    }
  }
  void boolean(std::string_view key, bool value) {
    set(key, Value::scalar(value ? "true" : "false", false));
  }
  template <typename Integer>
  void integer(std::string_view key, Integer value) {
    set(key, Value::scalar(std::to_string(value), false));
  }
  void seconds(std::string_view key, std::chrono::milliseconds value) {
    const auto count = base::Number::of(static_cast<double>(value.count()) / 1000);
    set(key, Value::scalar(base::to_text(count), false));
  }
  void list(std::string_view key, const std::vector<std::string>& texts) {
    if (texts.empty()) {
      return;
    }
    Value value;
    value.kind = Value::Kind::list;
    for (const std::string& text : texts) {
      value.items.push_back(Value::scalar(text, true));
    }
    set(key, std::move(value));
  }

 private:
  void set(std::string_view key, Value value) {
    Value* map = &root_;
    for (auto dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.')) {
      map = &member(*map, key.substr(0, dot));
      key.remove_prefix(dot + 1);
    }
    member(*map, key) = std::move(value);
  }

  Value& root_;
};

std::vector<std::string> percentiles(const std::vector<int>& percents) {
  std::vector<std::string> texts;
  texts.reserve(percents.size());
  for (const int percent : percents) {
    texts.push_back(base::to_text(base::Number::of(percent / 100.0)));
  }
  return texts;
}

std::string level_name(base::LogLevel level) {
  static constexpr std::array<const char*, 7> names{"trace", "debug",    "info", "warn",
                                                    "error", "critical", "off"};
  return names.at(static_cast<std::size_t>(level));
}

void write_checks(Writer& write, const AgentConfig& config) {
  write.boolean("memtrack_enabled", config.memtrack_enabled);
  write.integer("memtrack_sample_interval", config.memtrack_sample_interval);
  write.boolean("tracemalloc_debug", config.tracemalloc_debug);
  write.text("tracemalloc_include", config.tracemalloc_include);
  write.text("tracemalloc_exclude", config.tracemalloc_exclude);
  write.text("tracemalloc_whitelist", config.tracemalloc_whitelist);
  write.text("tracemalloc_blacklist", config.tracemalloc_blacklist);
  write.boolean("telemetry.python_memory", config.python_memory);
  write.boolean("allow_untrusted_code", config.allow_untrusted_code);
  write.text("additional_checksd", config.additional_checksd.string());
  write.text("check_isolation", config.isolation.process ? "process" : "none");
  write.list("check_isolation_include", config.isolation.include);
  write.list("check_isolation_exclude", config.isolation.exclude);
  write.text("run_path", config.run_path.string());
  write.text("cluster_name", config.cluster_name);
  write.list("histogram_aggregates", config.histogram_aggregates);
  write.list("histogram_percentiles", percentiles(config.histogram_percentiles));
  write.integer("logging_frequency", config.logging_frequency);
  write.boolean("integration_check_status_enabled", config.integration_check_status_enabled);
  write.list("ad_allowed_env_vars", config.ad_allowed_env_vars);
  write.boolean("ad_disable_env_var_resolution", config.ad_disable_env_var_resolution);
}

void write_exporters(Writer& write, const AgentConfig& config) {
  write.boolean("prometheus.enabled", config.prometheus.enabled);
  write.text("prometheus.listen", config.prometheus.listen);
  write.boolean("prometheus.suffixes", config.prometheus.suffixes);
  write.text("prometheus.memstats_names",
             config.prometheus.go_collector_names ? "go_collector" : "datadog");
  write.boolean("prometheus.probe", config.prometheus.probe);
  write.list("prometheus.probe_targets", config.prometheus.probe_targets);
  write.integer("limits.name_bytes_max", config.limits.name_bytes_max);
  write.integer("limits.tag_bytes_max", config.limits.tag_bytes_max);
  write.integer("limits.instance_bytes_max", config.limits.instance_bytes_max);
  write.integer("limits.process_bytes_max", config.limits.process_bytes_max);
  write.boolean("shared_library_check.enabled", config.shared_libraries.enabled);
  write.text("shared_library_check.library_folder_path", config.shared_libraries.folder.string());
  const DogStatsdConfig& dogstatsd = config.dogstatsd;
  write.boolean("dogstatsd_enabled", dogstatsd.enabled);
  write.text("dogstatsd_url", dogstatsd.url);
  write.boolean("dogstatsd_origin_detection_client", dogstatsd.origin_detection);
  write.text("dogstatsd_entity_id", dogstatsd.entity_id);
  write.text("dogstatsd_external_data", dogstatsd.external_data);
  write.text("dogstatsd_cardinality", dogstatsd.cardinality);
  write.boolean("dogstatsd_telemetry_enabled", dogstatsd.telemetry);
  write.boolean("dogstatsd_timestamps", dogstatsd.timestamps);
  write.boolean("dogstatsd_histogram_aggregates", dogstatsd.histogram_aggregates);
  write.integer("dogstatsd_packet_bytes_max", dogstatsd.packet_bytes_max);
}

}  // namespace

Value settings(const AgentConfig& config, Value file) {
  Writer write(file);
  write.text("confd_path", config.confd_path.string());
  write.text("hostname", config.hostname);
  write.list("tags", config.tags);
  write.text("log_level", level_name(config.log_level));
  write.integer("expvar_port", config.expvar_port);
  write.text("expvar_host", config.expvar_host);
  write.integer("check_runners", config.check_runners);
  write.seconds("min_collection_interval", config.min_collection_interval);
  write.seconds("failure_backoff_max", config.failure_backoff_max);
  write.boolean("watch_config", config.watch_config);
  write.text("proxy.http", config.proxy.http);
  write.text("proxy.https", config.proxy.https);
  write.list("proxy.no_proxy", config.proxy.no_proxy);
  write_checks(write, config);
  write_exporters(write, config);
  return file;
}

}  // namespace heapwatch::config
