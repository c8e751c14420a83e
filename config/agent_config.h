// heapwatch.yaml and the DD_* environment, as one valid value.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "config/check_config.h"
#include "config/value.h"

namespace heapwatch::config {

struct ProxyConfig {
  std::string http;
  std::string https;
  std::vector<std::string> no_proxy;
  // `ENC[handle]` for an address that comes from a secret, else empty.
  std::string http_shown_as = {};
  std::string https_shown_as = {};

  friend bool operator==(const ProxyConfig&, const ProxyConfig&) = default;
};

struct SecretsConfig {
  std::filesystem::path command;  // secret_backend_command; empty: no backend
  std::vector<std::string> arguments;
  std::chrono::milliseconds timeout{30'000};
  std::size_t output_bytes_max = std::size_t{1024} * 1024;
  bool remove_trailing_line_break = false;
  bool skip_checks = false;
  bool allow_group_exec = false;

  friend bool operator==(const SecretsConfig&, const SecretsConfig&) = default;
};

struct DogStatsdConfig {
  bool enabled = false;  // dogstatsd_enabled; by default on when an address is configured anywhere
  std::string url = "udp://127.0.0.1:8125";  // udp://HOST:PORT, or unix://, unixgram:// or
                                             // unixstream:// and an absolute path
  std::string url_shown_as = {};             // `ENC[handle]` when it comes from a secret
  bool origin_detection = true;              // dogstatsd_origin_detection_client
  bool timestamps = false;                   // protocol 1.3
  bool telemetry = true;                     // dogstatsd_telemetry_enabled
  std::size_t packet_bytes_max = 0;          // 0: 1432 for UDP, 8192 for unix sockets
  std::string cardinality;                   // none, low, orchestrator, high; empty: not sent
  std::string external_data;                 // DD_EXTERNAL_ENV
  std::string entity_id;                     // DD_ENTITY_ID
  bool histogram_aggregates = false;         // send five gauges instead of raw samples

  friend bool operator==(const DogStatsdConfig&, const DogStatsdConfig&) = default;
};

/// What Prometheus calls the memory statistics of Go programs; Datadog keeps its names.
enum class MemstatsNames : std::uint8_t {
  datadog,       // go_expvar_memstats_heap_inuse
  go_collector,  // go_memstats_heap_inuse_bytes, as Go's own client
};
inline constexpr std::array<std::pair<std::string_view, MemstatsNames>, 2> words_of_memstats_names{
    {{"datadog", MemstatsNames::datadog}, {"go_collector", MemstatsNames::go_collector}}};

struct PrometheusConfig {
  bool enabled = true;
  std::string listen = "127.0.0.1:9464";
  bool suffixes = true;  // add `_total` where it belongs
  MemstatsNames memstats_names = MemstatsNames::datadog;
  bool probe = false;  // serve /probe?target=
  std::vector<std::string> probe_targets;

  friend bool operator==(const PrometheusConfig&, const PrometheusConfig&) = default;
};

struct SharedLibrariesConfig {
  bool enabled = true;
  /// Holds the libdatadog-agent-NAME.so; absolute, or relative to the current folder.
  std::filesystem::path folder = "checks.d";

  friend bool operator==(const SharedLibrariesConfig&, const SharedLibrariesConfig&) = default;
};

/// What was measured, kept over restarts; see history/store.h.
struct HistoryConfig {
  bool enabled = true;
  std::filesystem::path path;                                     // empty: history.db in run_path
  std::chrono::milliseconds interval{10'000};                     // between two frames of a process
  std::uint64_t max_size = std::uint64_t{256} << 20U;             // bytes of the file
  std::uint64_t max_size_per_process = std::uint64_t{32} << 20U;  // bytes of a life

  friend bool operator==(const HistoryConfig&, const HistoryConfig&) = default;
};

/// On what is remembered of names and series; see metrics::Limits and base::RememberedBytes.
struct LimitsConfig {
  std::size_t name_bytes_max = 1024;
  std::size_t tag_bytes_max = 4096;
  std::size_t instance_bytes_max = std::size_t{256} * 1024 * 1024;
  std::size_t process_bytes_max = std::size_t{1024} * 1024 * 1024;

  friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

/// Which checks, of those in Python and in shared libraries, run in processes of their own when
/// their own configuration does not say.
struct IsolationConfig {
  bool process = false;
  std::vector<std::string> include;  // names of checks; empty: all
  std::vector<std::string> exclude;  // goes before the other list

  [[nodiscard]] bool covers(const std::string& check_name) const;
  friend bool operator==(const IsolationConfig&, const IsolationConfig&) = default;
};

/// What always watches the memory of Python checks.
enum class PythonProfiler : std::uint8_t { none, sampled };

// One of each is alive: the order is that of docs/configuration.md.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct AgentConfig {
  std::filesystem::path confd_path;  // absolute, or relative to the current folder
  std::string hostname;
  std::vector<std::string> tags;  // tags, extra_tags, and env, service, version as tags
  base::LogLevel log_level = base::LogLevel::info;
  std::uint16_t expvar_port = 5000;  // 0: no page
  std::string expvar_host = "127.0.0.1";
  unsigned check_runners = 4;
  std::chrono::milliseconds min_collection_interval{15'000};
  bool memtrack_enabled = true;
  std::size_t memtrack_sample_interval = std::size_t{512} * 1024;  // bytes; 0: no heap profile
  bool tracemalloc_debug = false;
  std::string tracemalloc_include;  // comma-separated names of checks; empty: all
  std::string tracemalloc_exclude;
  std::string tracemalloc_whitelist;  // older names of the two above
  std::string tracemalloc_blacklist;
  PythonProfiler profiler = PythonProfiler::none;
  bool python_memory = true;                 // telemetry.python_memory
  bool allow_untrusted_code = false;         // load code that other users can change
  bool attach = false;                       // instances of the check memory may attach
  std::filesystem::path additional_checksd;  // one more folder of Python checks; empty: none
  std::filesystem::path run_path = "/var/lib/heapwatch";  // what is kept over restarts
  std::string cluster_name;
  std::vector<std::string> histogram_aggregates{"max", "median", "avg", "count"};
  std::vector<int> histogram_percentiles{95};
  unsigned logging_frequency = 500;
  std::chrono::milliseconds failure_backoff_max{60'000};  // zero: none
  bool watch_config = true;  // read the configuration again when a file changes
  bool integration_check_status_enabled = false;
  std::vector<std::string> ad_allowed_env_vars;
  bool ad_disable_env_var_resolution = false;
  ProxyConfig proxy;
  SecretsConfig secrets;
  DogStatsdConfig dogstatsd;
  PrometheusConfig prometheus;
  SharedLibrariesConfig shared_libraries;
  IsolationConfig isolation;
  LimitsConfig limits;
  HistoryConfig history;

  /// Everything that is set, by its key, as checks ask for it: the file with what is not known
  /// here, and over it each option as it counts.
  Value settings;
};

struct AgentConfigFile {
  AgentConfig config;
  Diagnostics diagnostics;
};

/// Reads `file` (none: then defaults and the environment alone count), overlaid by `DD_*`
/// variables. A wrong value is an error in the diagnostics, with its place in the file or the name
/// of its variable, and leaves the option as it was. ENC[] values are resolved.
[[nodiscard]] AgentConfigFile load_agent_config(const std::optional<std::filesystem::path>& file,
                                                const Environment& environment);

/// A key of heapwatch.yaml.
struct AgentOption {
  std::string_view key;       // "proxy.http": a dot for each level of nesting
  std::string_view variable;  // a second variable for the key beside its own, or empty
  bool live = false;          // a change takes effect with a reload
};
[[nodiscard]] std::vector<AgentOption> agent_options();

/// The environment variable of a key: "DD_PROXY_HTTP".
[[nodiscard]] std::string variable_name(std::string_view key);

}  // namespace heapwatch::config
