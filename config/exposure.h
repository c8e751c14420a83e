// What the configuration opens to other machines. Private to this folder.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "config/agent_config.h"
#include "config/value.h"

namespace heapwatch::config {

/// Where an option was given: a file or a variable, and the place in it.
struct OptionPlace {
  std::string file;
  int line = 0;
  int column = 0;
  std::string written;  // for an error, as shown(); empty where nothing is
};

/// Pages have neither passwords nor TLS: each that other machines can reach is a warning, and
/// `/probe` there without a list of what it may ask is an error.
void check_exposure(const AgentConfig& config, bool is_guarded,
                    const std::function<OptionPlace(std::string_view key)>& place,
                    Diagnostics& diagnostics);

}  // namespace heapwatch::config
