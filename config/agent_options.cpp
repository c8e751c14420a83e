#include "config/agent_options.h"

#include <array>
#include <type_traits>

#include "config/option_readers.h"
#include "config/receiver_options.h"
#include "config/settings.h"

namespace heapwatch::config {

namespace {

using Shape = AgentOptionRow::Shape;
using A = AgentConfig;

constexpr std::int64_t interval_ms_min = 100;
constexpr std::int64_t interval_ms_max = std::int64_t{7} * 24 * 3'600'000;
constexpr std::int64_t backoff_ms_max = std::int64_t{24} * 3'600'000;
constexpr std::int64_t check_runners_max = 1024;
constexpr std::int64_t logging_frequency_max = 1'000'000;
constexpr std::int64_t sample_interval_bytes_max = std::int64_t{32} * 1024 * 1024;
constexpr std::int64_t secret_output_bytes_max = std::int64_t{64} * 1024 * 1024;
constexpr std::int64_t text_bytes_max = 65536;
constexpr std::int64_t budget_bytes_min = std::int64_t{1} * 1024 * 1024;
constexpr std::int64_t budget_bytes_max = std::int64_t{1} << 40U;

constexpr std::int64_t history_bytes_min = std::int64_t{4} * 1024 * 1024;
constexpr std::int64_t history_interval_ms_min = 1'000;
constexpr std::int64_t history_interval_ms_max = 600'000;
constexpr std::int64_t history_bytes_max = std::int64_t{1} << 40U;

template <typename T, typename U>
void set(T& option, std::optional<U> value) {
  if (value) {
    option = static_cast<T>(std::move(*value));
  }
}

template <auto Member, auto... Rest>
constexpr auto& field(auto& object) {
  if constexpr (sizeof...(Rest) == 0) {
    return object.*Member;
  } else {
    return field<Rest...>(object.*Member);
  }
}

// How options are read and written, by what they hold. `Path` leads from an AgentConfig to the
// member.

template <auto... Path>
struct Text {
  static constexpr Shape shape = Shape::scalar;
  static void read(Section& section, std::string_view name, AgentDraft& draft) {
    set(field<Path...>(draft.config), section.text(name));
  }
  static void write(SettingsWriter& writer, std::string_view key, const AgentConfig& config) {
    writer.text(key, field<Path...>(config));
  }
};

/// Of a proxy. One that comes from a secret is called by its handle.
template <auto Url, auto ShownAs>
struct Address : Text<&AgentConfig::proxy, Url> {
  static void read(Section& section, std::string_view name, AgentDraft& draft) {
    Text<&AgentConfig::proxy, Url>::read(section, name, draft);
    if (const Value* const value = section.raw(name)) {
      draft.config.proxy.*ShownAs = shown_handle(*value);
    }
  }
};

template <auto... Path>
struct Boolean {
  static constexpr Shape shape = Shape::scalar;
  static void read(Section& section, std::string_view name, AgentDraft& draft) {
    set(field<Path...>(draft.config), section.boolean(name));
  }
  static void write(SettingsWriter& writer, std::string_view key, const AgentConfig& config) {
    writer.boolean(key, field<Path...>(config));
  }
};

template <std::int64_t min, std::int64_t max, auto... Path>
struct Integer {
  static constexpr Shape shape = Shape::scalar;
  static void read(Section& section, std::string_view name, AgentDraft& draft) {
    set(field<Path...>(draft.config), section.integer(name, min, max));
  }
  static void write(SettingsWriter& writer, std::string_view key, const AgentConfig& config) {
    writer.integer(key, field<Path...>(config));
  }
};

template <std::int64_t min_ms, std::int64_t max_ms, auto... Path>
struct Seconds {
  static constexpr Shape shape = Shape::scalar;
  static void read(Section& section, std::string_view name, AgentDraft& draft) {
    set(field<Path...>(draft.config), section.seconds(name, {static_cast<double>(min_ms) / 1000,
                                                             static_cast<double>(max_ms) / 1000}));
  }
  static void write(SettingsWriter& writer, std::string_view key, const AgentConfig& config) {
    writer.seconds(key, field<Path...>(config));
  }
};

template <Shape words_or_items, auto... Path>
struct Texts {
  static constexpr Shape shape = words_or_items;
  static void read(Section& section, std::string_view name, AgentDraft& draft) {
    set(field<Path...>(draft.config), section.texts(name));
  }
  static void write(SettingsWriter& writer, std::string_view key, const AgentConfig& config) {
    writer.list(key, field<Path...>(config));
  }
};

struct LogLevelName {
  static constexpr Shape shape = Shape::scalar;
  static void write(SettingsWriter& writer, std::string_view key, const AgentConfig& config) {
    static constexpr std::array<const char*, 7> names{"trace", "debug",    "info", "warn",
                                                      "error", "critical", "off"};
    writer.text(key, std::string(names.at(static_cast<std::size_t>(config.log_level))));
  }
};

struct Percentiles {
  static constexpr Shape shape = Shape::words;
  static void write(SettingsWriter& writer, std::string_view key, const AgentConfig& config) {
    std::vector<std::string> texts;
    for (const int percent : config.histogram_percentiles) {
      texts.push_back(base::to_text(base::Number::of(percent / 100.0)));
    }
    writer.list(key, texts);
  }
};

struct MemstatsWord {
  static constexpr Shape shape = Shape::scalar;
  static void write(SettingsWriter& writer, std::string_view key, const AgentConfig& config) {
    for (const auto& [word, names] : words_of_memstats_names) {
      if (names == config.prometheus.memstats_names) {
        writer.text(key, std::string(word));
      }
    }
  }
};

struct IsolationWord {
  static constexpr Shape shape = Shape::scalar;
  static void write(SettingsWriter& writer, std::string_view key, const AgentConfig& config) {
    writer.text(key, std::string(config.isolation.process ? "process" : "none"));
  }
};

struct ProfilerWord {
  static constexpr Shape shape = Shape::scalar;
  static void write(SettingsWriter& writer, std::string_view key, const AgentConfig& config) {
    writer.text(key, std::string(config.profiler == PythonProfiler::sampled ? "sampled" : "none"));
  }
};

/// Read by a function of its own.
template <auto reader, typename Kind>
struct ReadBy {
  static constexpr Shape shape = Kind::shape;
  static constexpr auto read = reader;
  static constexpr auto write = Kind::write;
};

/// Not for checks to ask for.
template <typename Kind>
struct Secret {
  static constexpr Shape shape = Kind::shape;
  static constexpr auto read = Kind::read;
  static constexpr auto write = nullptr;
};

/// A part of another option's value.
template <auto reader>
struct OnlyRead {
  static constexpr Shape shape = Shape::scalar;
  static constexpr auto read = reader;
  static constexpr auto write = nullptr;
};

constexpr bool at_start = false;
constexpr bool at_reload = true;

template <typename Kind>
constexpr AgentOptionRow option(std::string_view key, bool live = at_start,
                                std::string_view second_variable = {}) {
  return {.key = key,
          .shape = Kind::shape,
          .read = Kind::read,
          .write = Kind::write,
          .live = live,
          .second_variable = second_variable};
}

using S = Section;
using N = std::string_view;
using D = AgentDraft;

constexpr std::array<AgentOptionRow, 82> rows{{
    option<Text<&A::confd_path>>("confd_path", at_reload),
    option<ReadBy<read_hostname, Text<&A::hostname>>>("hostname"),
    {.key = "tags",
     .shape = Shape::items,
     .read = [](S& s, N n, D& d) { set(d.tags, s.texts(n)); },
     .write = Texts<Shape::items, &A::tags>::write},
    {.key = "extra_tags",
     .shape = Shape::items,
     .read = [](S& s, N n, D& d) { set(d.extra_tags, s.texts(n)); },
     .write = nullptr},
    {.key = "env",
     .shape = Shape::scalar,
     .read = [](S& s, N n, D& d) { set(d.env, s.text(n)); },
     .write = nullptr},
    {.key = "service",
     .shape = Shape::scalar,
     .read = [](S& s, N n, D& d) { set(d.service, s.text(n)); },
     .write = nullptr},
    {.key = "version",
     .shape = Shape::scalar,
     .read = [](S& s, N n, D& d) { set(d.version, s.text(n)); },
     .write = nullptr},
    option<ReadBy<read_log_level, LogLevelName>>("log_level", at_reload),
    option<Integer<0, port_max, &A::expvar_port>>("expvar_port"),
    option<Text<&A::expvar_host>>("expvar_host"),
    option<Integer<1, check_runners_max, &A::check_runners>>("check_runners"),
    option<Seconds<interval_ms_min, interval_ms_max, &A::min_collection_interval>>(
        "min_collection_interval", at_reload),
    option<Boolean<&A::memtrack_enabled>>("memtrack_enabled"),
    option<Integer<0, sample_interval_bytes_max, &A::memtrack_sample_interval>>(
        "memtrack_sample_interval"),
    option<Boolean<&A::tracemalloc_debug>>("tracemalloc_debug"),
    option<Text<&A::tracemalloc_include>>("tracemalloc_include"),
    option<Text<&A::tracemalloc_exclude>>("tracemalloc_exclude"),
    option<Text<&A::tracemalloc_whitelist>>("tracemalloc_whitelist"),
    option<Text<&A::tracemalloc_blacklist>>("tracemalloc_blacklist"),
    option<ReadBy<read_profiler, ProfilerWord>>("profiler"),
    option<Boolean<&A::python_memory>>("telemetry.python_memory"),
    option<Boolean<&A::allow_untrusted_code>>("allow_untrusted_code"),
    option<Boolean<&A::attach>>("attach"),
    option<ReadBy<read_check_isolation, IsolationWord>>("check_isolation", at_reload),
    option<Texts<Shape::words, &A::isolation, &IsolationConfig::include>>("check_isolation_include",
                                                                          at_reload),
    option<Texts<Shape::words, &A::isolation, &IsolationConfig::exclude>>("check_isolation_exclude",
                                                                          at_reload),
    option<Text<&A::additional_checksd>>("additional_checksd"),
    option<Text<&A::run_path>>("run_path"),
    option<Text<&A::cluster_name>>("cluster_name"),
    option<ReadBy<read_aggregates, Texts<Shape::words, &A::histogram_aggregates>>>(
        "histogram_aggregates"),
    option<ReadBy<read_percentiles, Percentiles>>("histogram_percentiles"),
    option<Integer<1, logging_frequency_max, &A::logging_frequency>>("logging_frequency"),
    option<Seconds<0, backoff_ms_max, &A::failure_backoff_max>>("failure_backoff_max"),
    option<Boolean<&A::watch_config>>("watch_config"),
    option<Boolean<&A::integration_check_status_enabled>>("integration_check_status_enabled"),
    option<Texts<Shape::words, &A::ad_allowed_env_vars>>("ad_allowed_env_vars", at_reload),
    option<Boolean<&A::ad_disable_env_var_resolution>>("ad_disable_env_var_resolution", at_reload),
    option<Address<&ProxyConfig::http, &ProxyConfig::http_shown_as>>("proxy.http", at_reload),
    option<Address<&ProxyConfig::https, &ProxyConfig::https_shown_as>>("proxy.https", at_reload),
    option<Texts<Shape::items, &A::proxy, &ProxyConfig::no_proxy>>("proxy.no_proxy", at_reload),
    option<Secret<Text<&A::secrets, &SecretsConfig::command>>>("secret_backend_command", at_reload),
    option<Secret<Texts<Shape::words, &A::secrets, &SecretsConfig::arguments>>>(
        "secret_backend_arguments", at_reload),
    option<Secret<Seconds<100, 3'600'000, &A::secrets, &SecretsConfig::timeout>>>(
        "secret_backend_timeout", at_reload),
    option<
        Secret<Integer<1, secret_output_bytes_max, &A::secrets, &SecretsConfig::output_bytes_max>>>(
        "secret_backend_output_max_size", at_reload),
    option<Secret<Boolean<&A::secrets, &SecretsConfig::remove_trailing_line_break>>>(
        "secret_backend_remove_trailing_line_break", at_reload),
    option<Secret<Boolean<&A::secrets, &SecretsConfig::skip_checks>>>("secret_backend_skip_checks",
                                                                      at_reload),
    option<Secret<Boolean<&A::secrets, &SecretsConfig::allow_group_exec>>>(
        "secret_backend_command_allow_group_exec_perm", at_reload),
    option<Boolean<&A::prometheus, &PrometheusConfig::enabled>>("prometheus.enabled"),
    option<ReadBy<read_listen, Text<&A::prometheus, &PrometheusConfig::listen>>>(
        "prometheus.listen"),
    option<Boolean<&A::prometheus, &PrometheusConfig::suffixes>>("prometheus.suffixes"),
    option<ReadBy<read_memstats_names, MemstatsWord>>("prometheus.memstats_names", at_reload),
    option<Boolean<&A::prometheus, &PrometheusConfig::probe>>("prometheus.probe"),
    option<ReadBy<read_probe_targets,
                  Texts<Shape::items, &A::prometheus, &PrometheusConfig::probe_targets>>>(
        "prometheus.probe_targets", at_reload),
    option<OnlyRead<read_remote_write>>("remote_write"),
    option<OnlyRead<read_otlp>>("otlp"),
    option<OnlyRead<read_push>>("profiles.push"),
    option<OnlyRead<read_profiles_interval>>("profiles.interval"),
    option<Integer<64, text_bytes_max, &A::limits, &LimitsConfig::name_bytes_max>>(
        "limits.name_bytes_max"),
    option<Integer<64, text_bytes_max, &A::limits, &LimitsConfig::tag_bytes_max>>(
        "limits.tag_bytes_max"),
    option<
        Integer<budget_bytes_min, budget_bytes_max, &A::limits, &LimitsConfig::instance_bytes_max>>(
        "limits.instance_bytes_max"),
    option<
        Integer<budget_bytes_min, budget_bytes_max, &A::limits, &LimitsConfig::process_bytes_max>>(
        "limits.process_bytes_max"),
    option<Boolean<&A::history, &HistoryConfig::enabled>>("history.enabled"),
    option<Text<&A::history, &HistoryConfig::path>>("history.path"),
    option<Seconds<history_interval_ms_min, history_interval_ms_max, &A::history,
                   &HistoryConfig::interval>>("history.interval"),
    option<Integer<history_bytes_min, history_bytes_max, &A::history, &HistoryConfig::max_size>>(
        "history.max_size"),
    option<Integer<history_bytes_min / 4, history_bytes_max, &A::history,
                   &HistoryConfig::max_size_per_process>>("history.max_size_per_process"),
    {.key = "web.config_file",
     .shape = Shape::scalar,
     .read = [](S& s, N n, D& d) { set(d.web_config_file, s.text(n)); },
     .write = nullptr},
    option<Boolean<&A::shared_libraries, &SharedLibrariesConfig::enabled>>(
        "shared_library_check.enabled", at_reload),
    option<Text<&A::shared_libraries, &SharedLibrariesConfig::folder>>(
        "shared_library_check.library_folder_path", at_reload),
    {.key = "dogstatsd_enabled",
     .shape = Shape::scalar,
     .read = [](S& s, N n, D& d) { set(d.dogstatsd_enabled, s.boolean(n)); },
     .write = Boolean<&A::dogstatsd, &DogStatsdConfig::enabled>::write},
    option<ReadBy<read_url, Text<&A::dogstatsd, &DogStatsdConfig::url>>>("dogstatsd_url"),
    option<OnlyRead<read_host>>("dogstatsd_host", at_start, "DD_AGENT_HOST"),
    {.key = "dogstatsd_port",
     .shape = Shape::scalar,
     .read = [](S& s, N n, D& d) { set(d.address.port, s.integer(n, 0, port_max)); },
     .write = nullptr},
    option<OnlyRead<read_socket>>("dogstatsd_socket"),
    option<Boolean<&A::dogstatsd, &DogStatsdConfig::origin_detection>>(
        "dogstatsd_origin_detection_client", at_start, "DD_ORIGIN_DETECTION_ENABLED"),
    option<Text<&A::dogstatsd, &DogStatsdConfig::entity_id>>("dogstatsd_entity_id", at_start,
                                                             "DD_ENTITY_ID"),
    option<Text<&A::dogstatsd, &DogStatsdConfig::external_data>>("dogstatsd_external_data",
                                                                 at_start, "DD_EXTERNAL_ENV"),
    option<ReadBy<read_cardinality, Text<&A::dogstatsd, &DogStatsdConfig::cardinality>>>(
        "dogstatsd_cardinality", at_start, "DD_CARDINALITY"),
    option<Boolean<&A::dogstatsd, &DogStatsdConfig::telemetry>>("dogstatsd_telemetry_enabled"),
    option<Boolean<&A::dogstatsd, &DogStatsdConfig::timestamps>>("dogstatsd_timestamps"),
    option<Boolean<&A::dogstatsd, &DogStatsdConfig::histogram_aggregates>>(
        "dogstatsd_histogram_aggregates"),
    option<ReadBy<read_packet_bytes,
                  Integer<0, 0, &A::dogstatsd, &DogStatsdConfig::packet_bytes_max>>>(
        "dogstatsd_packet_bytes_max"),
}};

}  // namespace

std::span<const AgentOptionRow> agent_option_rows() {
  return rows;
}

}  // namespace heapwatch::config
