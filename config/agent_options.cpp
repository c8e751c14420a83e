#include "config/agent_options.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/nearest.h"

namespace heapwatch::config {

namespace {

using Shape = AgentOptionReader::Shape;

constexpr double interval_seconds_min = 0.1;
constexpr double interval_seconds_max = 7.0 * 24 * 3600;
constexpr double backoff_seconds_max = 24.0 * 3600;
constexpr std::int64_t port_max = 65535;
constexpr std::int64_t check_runners_max = 1024;
constexpr std::int64_t logging_frequency_max = 1'000'000;
constexpr std::int64_t sample_interval_bytes_max = std::int64_t{32} * 1024 * 1024;
constexpr std::int64_t secret_output_bytes_max = std::int64_t{64} * 1024 * 1024;
constexpr std::int64_t text_bytes_max = 65536;
constexpr std::int64_t budget_bytes_min = std::int64_t{1} * 1024 * 1024;
constexpr std::int64_t budget_bytes_max = std::int64_t{1} << 40U;
constexpr std::size_t hostname_bytes_max = 255;

template <typename T, typename U>
void set(T& option, std::optional<U> value) {
  if (value) {
    option = static_cast<T>(std::move(*value));
  }
}

/// What stands there, for an error; a secret stays one.
std::string written(const Section& section, std::string_view name) {
  const Value* const value = section.value().find(name);
  return value == nullptr ? "nothing" : shown(*value);
}

void read_hostname(Section& section, std::string_view name, AgentDraft& draft) {
  const auto hostname = section.text(name);
  if (!hostname) {
    return;
  }
  const bool right =
      hostname->size() <= hostname_bytes_max &&
      std::all_of(hostname->begin(), hostname->end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
      });
  if (!right) {
    section.error(name,
                  "hostname must be at most 255 letters, digits, \".\", \"-\" and \"_\", not " +
                      written(section, name));
    return;
  }
  draft.config.hostname = *hostname;
}

void read_log_level(Section& section, std::string_view name, AgentDraft& draft) {
  // Not text(): YAML takes `off` for a boolean.
  const Value* const value = section.raw(name);
  if (value == nullptr || value->kind == Value::Kind::null) {
    return;
  }
  if (const auto level = base::parse_log_level(value->text)) {
    draft.config.log_level = *level;
    return;
  }
  static constexpr std::array<std::string_view, 7> names{"trace", "debug",    "info", "warn",
                                                         "error", "critical", "off"};
  const std::string hint = base::did_you_mean(value->text, names);
  section.error(name, "unknown log_level " + shown(*value) + hint + (hint.empty() ? ";" : "") +
                          " one of trace, debug, info, warn, error, critical, off");
}

void read_aggregates(Section& section, std::string_view name, AgentDraft& draft) {
  static constexpr std::array<std::string_view, 6> known{"max",   "median", "avg",
                                                         "count", "min",    "sum"};
  auto words = section.texts(name);
  if (!words) {
    return;
  }
  for (std::size_t i = 0; i < words->size(); ++i) {
    const std::string& word = (*words)[i];
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      const std::string hint = base::did_you_mean(word, known);
      section.error(name, "unknown aggregate " + shown(section.raw(name)->items[i]) + hint +
                              (hint.empty() ? ";" : "") +
                              " one of max, median, avg, count, min, sum");
      return;
    }
  }
  draft.config.histogram_aggregates = std::move(*words);
}

void read_percentiles(Section& section, std::string_view name, AgentDraft& draft) {
  const Value* const list = section.raw(name);
  if (list == nullptr) {
    return;
  }
  if (list->kind != Value::Kind::list && list->kind != Value::Kind::null) {
    section.error(name,
                  "histogram_percentiles must be a list such as [\"0.95\"], not " + shown(*list));
    return;
  }
  std::set<int> percents;
  for (const Value& item : list->items) {
    const auto number = read_number(item);
    const double percent = number ? number->to_double() * 100 : 0;
    const int whole = percent > 0 && percent < 100 ? static_cast<int>(std::lround(percent)) : 0;
    if (whole < 1 || whole > 99 || std::abs(percent - whole) > 1e-6) {
      section.diagnostics().error(
          section.file(), item.line, item.column,
          "a percentile must be from 0.01 to 0.99 with at most two decimals, not " + shown(item));
      return;
    }
    percents.insert(whole);
  }
  draft.config.histogram_percentiles.assign(percents.begin(), percents.end());
}

bool is_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return false;
  }
  const std::string_view host = text.substr(0, colon);
  const auto port = base::parse_number(text.substr(colon + 1));
  const std::int64_t number = port ? port->to_int64().value_or(-1) : -1;
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  return number >= 0 && number <= port_max &&
         (bracketed || host.find(':') == std::string_view::npos);
}

void read_listen(Section& section, std::string_view name, AgentDraft& draft) {
  const auto listen = section.text(name);
  if (!listen) {
    return;
  }
  if (!is_listen_address(*listen)) {
    section.error(name,
                  "prometheus -> listen must be HOST:PORT or :PORT, such as 127.0.0.1:9464, "
                  "not " +
                      written(section, name));
    return;
  }
  draft.config.prometheus.listen = *listen;
}

void read_url(Section& section, std::string_view name, AgentDraft& draft) {
  const auto text = section.text(name);
  if (!text) {
    return;
  }
  auto url = dogstatsd_url(*text);
  if (!url) {
    section.error(
        name, std::string(name) + " " + url.error().message + ", not " + written(section, name));
    return;
  }
  draft.address.url = std::move(*url);
}

void read_host(Section& section, std::string_view name, AgentDraft& draft) {
  const auto text = section.text(name);
  if (!text || text->empty()) {
    return;
  }
  if (const auto url = dogstatsd_url_of_host(*text, 0); !url) {
    section.error(
        name, std::string(name) + " " + url.error().message + ", not " + written(section, name));
    return;
  }
  draft.address.host = *text;
}

void read_socket(Section& section, std::string_view name, AgentDraft& draft) {
  const auto path = section.text(name);
  if (!path || path->empty()) {
    return;  // the Agent's way to say: no socket
  }
  const auto colon = path->find("://");
  auto url = dogstatsd_url(colon == std::string::npos ? "unix://" + *path : *path);
  if (!url || url->starts_with("udp:")) {
    section.error(name, "dogstatsd_socket must be an absolute path, not " + written(section, name));
    return;
  }
  draft.address.socket = std::move(*url);
}

void read_cardinality(Section& section, std::string_view name, AgentDraft& draft) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 4> words{
      {{"none", "none"}, {"low", "low"}, {"orchestrator", "orchestrator"}, {"high", "high"}}};
  set(draft.config.dogstatsd.cardinality, section.one_of<const char*>(name, words));
}

void read_memstats_names(Section& section, std::string_view name, AgentDraft& draft) {
  static constexpr std::array<std::pair<std::string_view, bool>, 2> words{
      {{"datadog", false}, {"go_collector", true}}};
  set(draft.config.prometheus.go_collector_names, section.one_of<bool>(name, words));
}

void read_check_isolation(Section& section, std::string_view name, AgentDraft& draft) {
  static constexpr std::array<std::pair<std::string_view, bool>, 2> words{
      {{"none", false}, {"process", true}}};
  set(draft.config.isolation.process, section.one_of<bool>(name, words));
}

void read_probe_targets(Section& section, std::string_view name, AgentDraft& draft) {
  const auto hosts = section.texts(name);
  if (!hosts) {
    return;
  }
  for (const std::string& host : *hosts) {
    if (host.empty() || host.find_first_of("/@?# ") != std::string::npos) {
      section.error(name,
                    "prometheus -> probe_targets must be hosts with or without a port, such as "
                    "app-1:8080 or .example.com, not \"" +
                        host + '"');
      return;
    }
  }
  draft.config.prometheus.probe_targets = *hosts;
}

void read_packet_bytes(Section& section, std::string_view name, AgentDraft& draft) {
  constexpr std::int64_t udp_bytes_max = 65467;
  const auto bytes = section.integer(name, 0, udp_bytes_max);
  constexpr std::int64_t bytes_min = 64;
  if (bytes && *bytes != 0 && *bytes < bytes_min) {
    section.error(name, "dogstatsd_packet_bytes_max must be 0 or from 64 to 65467, not " +
                            written(section, name));
    return;
  }
  set(draft.config.dogstatsd.packet_bytes_max, bytes);
}

void read_address(Section& section, std::string_view name, std::string& address,
                  std::string& shown_as) {
  const Value* const value = section.raw(name);
  if (auto text = section.text(name)) {
    address = *std::move(text);
    shown_as = shown_handle(*value);
  }
}

using S = Section;
using N = std::string_view;
using D = AgentDraft;

constexpr std::array<AgentOptionReader, 70> readers{{
    {"confd_path", Shape::scalar, [](S& s, N n, D& d) { set(d.config.confd_path, s.text(n)); }},
    {"hostname", Shape::scalar, read_hostname},
    {"tags", Shape::items, [](S& s, N n, D& d) { set(d.tags, s.texts(n)); }},
    {"extra_tags", Shape::items, [](S& s, N n, D& d) { set(d.extra_tags, s.texts(n)); }},
    {"env", Shape::scalar, [](S& s, N n, D& d) { set(d.env, s.text(n)); }},
    {"service", Shape::scalar, [](S& s, N n, D& d) { set(d.service, s.text(n)); }},
    {"version", Shape::scalar, [](S& s, N n, D& d) { set(d.version, s.text(n)); }},
    {"log_level", Shape::scalar, read_log_level},
    {"expvar_port", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.expvar_port, s.integer(n, 0, port_max)); }},
    {"expvar_host", Shape::scalar, [](S& s, N n, D& d) { set(d.config.expvar_host, s.text(n)); }},
    {"check_runners", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.check_runners, s.integer(n, 1, check_runners_max)); }},
    {"min_collection_interval", Shape::scalar,
     [](S& s, N n, D& d) {
       set(d.config.min_collection_interval,
           s.seconds(n, {interval_seconds_min, interval_seconds_max}));
     }},
    {"memtrack_enabled", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.memtrack_enabled, s.boolean(n)); }},
    {"memtrack_sample_interval", Shape::scalar,
     [](S& s, N n, D& d) {
       set(d.config.memtrack_sample_interval, s.integer(n, 0, sample_interval_bytes_max));
     }},
    {"tracemalloc_debug", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.tracemalloc_debug, s.boolean(n)); }},
    {"tracemalloc_include", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.tracemalloc_include, s.text(n)); }},
    {"tracemalloc_exclude", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.tracemalloc_exclude, s.text(n)); }},
    {"tracemalloc_whitelist", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.tracemalloc_whitelist, s.text(n)); }},
    {"tracemalloc_blacklist", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.tracemalloc_blacklist, s.text(n)); }},
    {"telemetry.python_memory", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.python_memory, s.boolean(n)); }},
    {"allow_untrusted_code", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.allow_untrusted_code, s.boolean(n)); }},
    {"additional_checksd", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.additional_checksd, s.text(n)); }},
    {"check_isolation", Shape::scalar, read_check_isolation},
    {"check_isolation_include", Shape::words,
     [](S& s, N n, D& d) { set(d.config.isolation.include, s.texts(n)); }},
    {"check_isolation_exclude", Shape::words,
     [](S& s, N n, D& d) { set(d.config.isolation.exclude, s.texts(n)); }},
    {"run_path", Shape::scalar, [](S& s, N n, D& d) { set(d.config.run_path, s.text(n)); }},
    {"cluster_name", Shape::scalar, [](S& s, N n, D& d) { set(d.config.cluster_name, s.text(n)); }},
    {"histogram_aggregates", Shape::words, read_aggregates},
    {"histogram_percentiles", Shape::words, read_percentiles},
    {"logging_frequency", Shape::scalar,
     [](S& s, N n, D& d) {
       set(d.config.logging_frequency, s.integer(n, 1, logging_frequency_max));
     }},
    {"failure_backoff_max", Shape::scalar,
     [](S& s, N n, D& d) {
       set(d.config.failure_backoff_max, s.seconds(n, {0, backoff_seconds_max}));
     }},
    {"watch_config", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.watch_config, s.boolean(n)); }},
    {"integration_check_status_enabled", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.integration_check_status_enabled, s.boolean(n)); }},
    {"ad_allowed_env_vars", Shape::words,
     [](S& s, N n, D& d) { set(d.config.ad_allowed_env_vars, s.texts(n)); }},
    {"ad_disable_env_var_resolution", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.ad_disable_env_var_resolution, s.boolean(n)); }},
    {"proxy.http", Shape::scalar,
     [](S& s, N n, D& d) {
       read_address(s, n, d.config.proxy.http, d.config.proxy.http_shown_as);
     }},
    {"proxy.https", Shape::scalar,
     [](S& s, N n, D& d) {
       read_address(s, n, d.config.proxy.https, d.config.proxy.https_shown_as);
     }},
    {"proxy.no_proxy", Shape::items,
     [](S& s, N n, D& d) { set(d.config.proxy.no_proxy, s.texts(n)); }},
    {"secret_backend_command", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.secrets.command, s.text(n)); }},
    {"secret_backend_arguments", Shape::words,
     [](S& s, N n, D& d) { set(d.config.secrets.arguments, s.texts(n)); }},
    {"secret_backend_timeout", Shape::scalar,
     [](S& s, N n, D& d) {
       set(d.config.secrets.timeout, s.seconds(n, {0.1, 3600}));
     }},
    {"secret_backend_output_max_size", Shape::scalar,
     [](S& s, N n, D& d) {
       set(d.config.secrets.output_bytes_max, s.integer(n, 1, secret_output_bytes_max));
     }},
    {"secret_backend_remove_trailing_line_break", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.secrets.remove_trailing_line_break, s.boolean(n)); }},
    {"secret_backend_skip_checks", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.secrets.skip_checks, s.boolean(n)); }},
    {"secret_backend_command_allow_group_exec_perm", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.secrets.allow_group_exec, s.boolean(n)); }},
    {"prometheus.enabled", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.prometheus.enabled, s.boolean(n)); }},
    {"prometheus.listen", Shape::scalar, read_listen},
    {"prometheus.suffixes", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.prometheus.suffixes, s.boolean(n)); }},
    {"prometheus.memstats_names", Shape::scalar, read_memstats_names},
    {"prometheus.probe", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.prometheus.probe, s.boolean(n)); }},
    {"prometheus.probe_targets", Shape::items, read_probe_targets},
    {"limits.name_bytes_max", Shape::scalar,
     [](S& s, N n, D& d) {
       set(d.config.limits.name_bytes_max, s.integer(n, 64, text_bytes_max));
     }},
    {"limits.tag_bytes_max", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.limits.tag_bytes_max, s.integer(n, 64, text_bytes_max)); }},
    {"limits.instance_bytes_max", Shape::scalar,
     [](S& s, N n, D& d) {
       set(d.config.limits.instance_bytes_max, s.integer(n, budget_bytes_min, budget_bytes_max));
     }},
    {"limits.process_bytes_max", Shape::scalar,
     [](S& s, N n, D& d) {
       set(d.config.limits.process_bytes_max, s.integer(n, budget_bytes_min, budget_bytes_max));
     }},
    {"shared_library_check.enabled", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.shared_libraries.enabled, s.boolean(n)); }},
    {"shared_library_check.library_folder_path", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.shared_libraries.folder, s.text(n)); }},
    {"dogstatsd_enabled", Shape::scalar,
     [](S& s, N n, D& d) { set(d.dogstatsd_enabled, s.boolean(n)); }},
    {"dogstatsd_url", Shape::scalar, read_url},
    {"dogstatsd_host", Shape::scalar, read_host, "DD_AGENT_HOST"},
    {"dogstatsd_port", Shape::scalar,
     [](S& s, N n, D& d) { set(d.address.port, s.integer(n, 0, port_max)); }},
    {"dogstatsd_socket", Shape::scalar, read_socket},
    {"dogstatsd_origin_detection_client", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.dogstatsd.origin_detection, s.boolean(n)); },
     "DD_ORIGIN_DETECTION_ENABLED"},
    {"dogstatsd_entity_id", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.dogstatsd.entity_id, s.text(n)); }, "DD_ENTITY_ID"},
    {"dogstatsd_external_data", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.dogstatsd.external_data, s.text(n)); }, "DD_EXTERNAL_ENV"},
    {"dogstatsd_cardinality", Shape::scalar, read_cardinality, "DD_CARDINALITY"},
    {"dogstatsd_telemetry_enabled", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.dogstatsd.telemetry, s.boolean(n)); }},
    {"dogstatsd_timestamps", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.dogstatsd.timestamps, s.boolean(n)); }},
    {"dogstatsd_histogram_aggregates", Shape::scalar,
     [](S& s, N n, D& d) { set(d.config.dogstatsd.histogram_aggregates, s.boolean(n)); }},
    {"dogstatsd_packet_bytes_max", Shape::scalar, read_packet_bytes},
}};

}  // namespace

std::span<const AgentOptionReader> agent_option_readers() {
  return readers;
}

}  // namespace heapwatch::config
