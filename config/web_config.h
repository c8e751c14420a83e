// The file that says who may reach pages and how, in the format of Prometheus' web.config.file.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "config/agent_config.h"

namespace heapwatch::config {

/// Words are as they are written in the file, and known ones.
struct WebConfig {
  bool has_tls = false;
  // Paths are absolute or relative to the folder of the agent; PEM where it stands in the file.
  std::string cert_file{};
  std::string cert{};
  std::string key_file{};
  std::string key{};
  std::string client_ca_file{};
  std::string client_ca{};
  std::string client_auth_type = "NoClientCert";
  std::vector<std::string> client_allowed_sans{};
  std::string min_version = "TLS12";
  std::string max_version = "TLS13";
  std::vector<std::string> cipher_suites{};
  std::vector<std::string> curve_preferences{};
  bool prefer_server_cipher_suites = true;

  std::map<std::string, std::string> users{};  // with bcrypt hashes of their passwords
  std::vector<std::pair<std::string, std::string>> headers{};
};

/// web.config_file, which is kept with the settings; empty: plain HTTP, and anybody.
[[nodiscard]] std::filesystem::path web_config_file(const AgentConfig& config);

/// Errors: those of reading the file, and invalid with all that is wrong, each with its place.
/// Nothing of keys and hashes is in messages.
[[nodiscard]] base::Result<WebConfig> load_web_config(const std::filesystem::path& file);

}  // namespace heapwatch::config
