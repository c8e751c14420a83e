// An instance of a check with `discover:`: what each target that is found is watched with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "check/loader.h"
#include "discovery/autodiscovery.h"
#include "discovery/endpoint.h"
#include "discovery/sharing.h"
#include "discovery/source.h"

namespace heapwatch::discovery {

inline constexpr std::string_view discover_key = "discover";
inline constexpr std::size_t sources_max = 64;  // of a template

struct Template {
  config::CheckConfig file;       // without instances
  config::Value instance;         // without `discover`
  std::uint64_t fingerprint = 0;  // of all of it, `discover` included
  std::string name;               // for messages and metrics: FILE:LINE
  std::string url_option;         // of the instance, which gets the address
  Labels defaults;                // of labels that a target does not have
  relabel::Rules rules;
  std::vector<std::unique_ptr<Source>> sources;
  std::optional<AutodiscoveryOptions> autodiscovery;  // the instance has variables of containers
  std::optional<ShardOptions> shard;
  std::size_t member_sources = 0;  // so many of the sources, the last, name the agents
};

[[nodiscard]] bool is_template(const config::Value& instance);

/// What is wrong goes to `diagnostics`, and the result is then absent. Whether the check can be
/// made of it is not looked at.
[[nodiscard]] std::optional<Template> read_template(const check::InstanceSource& source,
                                                    config::Diagnostics& diagnostics);

/// `instance` with the tags of a target. `is_remote`: its address comes from another machine.
[[nodiscard]] config::Value with_tags(config::Value instance, const Endpoint& endpoint,
                                      bool is_remote);

/// The instance that watches a target.
[[nodiscard]] config::Value instance_of(const Template& from, const Endpoint& endpoint,
                                        bool is_remote);

}  // namespace heapwatch::discovery
