// Reads the configuration of one instance, alone in a file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "check/loader.h"
#include "config/value.h"

namespace heapwatch::check {

template <typename Config>
struct ReadConfig {
  std::optional<Config> config;
  std::vector<std::string> said;
};

template <typename Config>
ReadConfig<Config> read_alone(std::string_view check_name,
                              std::optional<Config> (*read)(const InstanceSource&,
                                                            config::Diagnostics&),
                              std::string_view instance, std::string_view init_config,
                              const config::AgentConfig& agent = {}) {
  config::Diagnostics diagnostics;
  config::CheckConfig file{.check_name = std::string(check_name),
                           .file = "f.yaml",
                           .init_config = config::parse_yaml(init_config, "f.yaml", diagnostics),
                           .instances = {config::parse_yaml(instance, "f.yaml", diagnostics)}};
  ReadConfig<Config> outcome{read({file, file.instances[0], agent}, diagnostics), {}};
  for (const auto& diagnostic : diagnostics.all()) {
    outcome.said.push_back(to_text(diagnostic));
  }
  return outcome;
}

}  // namespace heapwatch::check
