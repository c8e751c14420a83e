// From a target that was discovered to the check that watches it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/wiring/configured.h"
#include "discovery/selection.h"
#include "discovery/watch.h"

namespace heapwatch::agent::wiring {

/// How the sources of a template are asked. `keeps`: see discovery::WatchOptions.
[[nodiscard]] discovery::WatchOptions discovery_options(const config::AgentConfig& agent,
                                                        const discovery::Template& from,
                                                        bool keeps);

/// Where lists of targets are kept.
[[nodiscard]] std::filesystem::path lists_folder(const config::AgentConfig& agent);

/// A check for a target, whose instance this is, or why there is none.
[[nodiscard]] std::unique_ptr<check::ConfiguredCheck> make_discovered(
    const discovery::Template& from, const discovery::Chosen& chosen, const config::Value& instance,
    const config::AgentConfig& agent, std::string& why);

/// Those that are written in the template come first, and its service last.
[[nodiscard]] std::vector<std::string> tags_of_discovered(const discovery::Template& from,
                                                          const discovery::Chosen& chosen);

}  // namespace heapwatch::agent::wiring
