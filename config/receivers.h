// The receivers of what is sent, as heapwatch.yaml has them.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/value.h"

namespace heapwatch::config {

/// `tls_config`. Files are absolute, or relative to the current folder.
struct RemoteTlsConfig {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::string server_name;
  bool insecure_skip_verify = false;

  friend bool operator==(const RemoteTlsConfig&, const RemoteTlsConfig&) = default;
};

struct RemoteOAuth2Config {
  std::string client_id;
  std::string client_secret;
  std::string client_secret_file;
  std::vector<std::string> scopes;
  std::string token_url;
  std::string token_url_shown_as;  // `ENC[handle]` when it comes from a secret
  std::vector<std::pair<std::string, std::string>> endpoint_params;
  RemoteTlsConfig tls;

  friend bool operator==(const RemoteOAuth2Config&, const RemoteOAuth2Config&) = default;
};

/// Where it goes, who asks, and how it waits: Prometheus' keys, and ours for the queue.
// In the order of docs/remote-write.md.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct ReceiverConfig {
  std::string name;  // each another
  std::string url;
  std::string url_shown_as;  // `ENC[handle]` when it comes from a secret
  std::chrono::milliseconds remote_timeout{30'000};
  std::vector<std::pair<std::string, std::string>> headers;
  bool follow_redirects = true;

  std::string username;  // basic_auth
  std::string username_file;
  std::string password;
  std::string password_file;
  std::string authorization_type = "Bearer";
  std::string credentials;
  std::string credentials_file;
  std::optional<RemoteOAuth2Config> oauth2;
  RemoteTlsConfig tls;
  std::string proxy_url;
  std::string proxy_shown_as;  // `ENC[handle]` when it comes from a secret
  std::vector<std::string> no_proxy;

  // queue_config
  std::uint16_t max_shards = 4;
  std::size_t max_samples_per_send = 2000;
  std::chrono::milliseconds batch_send_deadline{5'000};
  std::chrono::milliseconds min_backoff{30};
  std::chrono::milliseconds max_backoff{5'000};
  bool retry_on_http_429 = true;
  std::chrono::milliseconds sample_age_limit{0};  // zero: none
  std::uint64_t memory_max_size = std::uint64_t{16} << 20U;
  std::uint64_t disk_max_size = std::uint64_t{1} << 30U;  // zero: nothing on the disk
  std::filesystem::path disk_path;                        // empty: a folder in run_path

  friend bool operator==(const ReceiverConfig&, const ReceiverConfig&) = default;
};

/// One entry of `remote_write`.
struct RemoteWriteConfig : ReceiverConfig {
  bool version_2 = false;  // protobuf_message
  std::vector<std::pair<std::string, std::string>> external_labels;

  // metadata_config
  bool send_metadata = true;
  std::chrono::milliseconds metadata_interval{60'000};

  friend bool operator==(const RemoteWriteConfig&, const RemoteWriteConfig&) = default;
};

/// One entry of `otlp`.
struct OtlpConfig : ReceiverConfig {
  std::vector<std::pair<std::string, std::string>> resource_attributes;

  friend bool operator==(const OtlpConfig&, const OtlpConfig&) = default;
};

/// How a receiver of profiles wants them.
enum class ProfileApi : std::uint8_t {
  push,         // Pyroscope's push API
  ingest,       // its older one: a profile as it is
  ingest_form,  // the same, with what its values mean
};

/// One entry of `profiles.push`.
struct PushConfig : ReceiverConfig {
  ProfileApi api = ProfileApi::push;
  std::vector<std::pair<std::string, std::string>> external_labels;

  friend bool operator==(const PushConfig&, const PushConfig&) = default;
};

/// `profiles`.
struct ProfilesConfig {
  std::vector<PushConfig> push;
  std::chrono::milliseconds interval{60'000};

  friend bool operator==(const ProfilesConfig&, const ProfilesConfig&) = default;
};

/// `remote_write` of AgentConfig::settings, which are right: load_agent_config() has said what is
/// wrong with it. Not a member of AgentConfig, since nobody but its exporter needs it.
[[nodiscard]] std::vector<RemoteWriteConfig> remote_write_of(const Value& settings);
/// The same of `otlp`.
[[nodiscard]] std::vector<OtlpConfig> otlp_of(const Value& settings);
/// The same of `profiles`.
[[nodiscard]] ProfilesConfig profiles_of(const Value& settings);

}  // namespace heapwatch::config
