// The options of heapwatch.yaml, a row each. Private to this folder.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/agent_config.h"
#include "config/section.h"

namespace heapwatch::config {

/// What the options say of where DogStatsD listens; empty where they say nothing.
struct DogStatsdAddress {
  std::string url;
  std::string host;  // or HOST:PORT
  std::string socket;
  std::uint16_t port = 0;
  // `ENC[handle]` of what comes from a secret, else empty.
  std::string url_shown_as = {};
  std::string host_shown_as = {};
  std::string socket_shown_as = {};
};

/// What the options come to before they are put together.
struct AgentDraft {
  AgentConfig config;
  std::vector<std::string> tags;
  std::vector<std::string> extra_tags;
  std::string env;
  std::string service;
  std::string version;
  std::optional<bool> dogstatsd_enabled;
  std::string web_config_file;
  DogStatsdAddress address;
};

class SettingsWriter;

/// All there is to know of an option.
struct AgentOptionRow {
  enum class Shape : std::uint8_t {
    scalar,
    words,  // a list, in a variable separated by spaces
    items,  // a list, in a variable separated by spaces or commas
  };
  std::string_view key;
  Shape shape;
  /// `name` is the part of the key behind the last dot, `section` the map that holds it.
  void (*read)(Section& section, std::string_view name, AgentDraft& draft);
  /// Null: checks cannot ask for it, or ask for another option that holds it.
  void (*write)(SettingsWriter& writer, std::string_view key, const AgentConfig& config);
  /// A change takes effect with a reload. The parts of the others live as long as the agent.
  bool live = false;
  std::string_view second_variable = {};
};

/// In the order of docs/configuration.md.
[[nodiscard]] std::span<const AgentOptionRow> agent_option_rows();

/// `udp://HOST:PORT` or `unix://PATH` and so on, with the port filled in. Errors: invalid,
/// without the text, which can be a secret.
[[nodiscard]] base::Result<std::string> dogstatsd_url(std::string_view text);
/// The same for a host, which may carry a port or be a URL itself.
[[nodiscard]] base::Result<std::string> dogstatsd_url_of_host(std::string_view host,
                                                              std::uint16_t port);

}  // namespace heapwatch::config
