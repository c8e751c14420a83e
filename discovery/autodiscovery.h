// Datadog's Autodiscovery: instances with variables, for containers that are named by their image
// or that carry their own.
//
// An instance of a file with `ad_identifiers` is for every container whose image, id or check.id is
// among them. A container may also ask for a check itself, in annotations of its pod or in labels.
// Either is a text with variables such as %%host%%, and what they stand for is known of the
// container alone.
//
// Source: the guides to Autodiscovery and to its template variables at docs.datadoghq.com.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "config/value.h"
#include "discovery/targets.h"

namespace heapwatch::discovery {

inline constexpr std::size_t identifiers_max = 100;
inline constexpr std::size_t annotated_instances_max = 32;  // of a container

struct AutodiscoveryOptions {
  std::vector<std::string> identifiers;
  /// Containers ask for the template's check themselves.
  bool annotations = false;
  /// What they may say besides the address and the usual options.
  std::vector<std::string> options;
};

/// A container: what the targets have in common that are its ports.
struct Service {
  std::string name;  // for messages
  std::string host;
  std::vector<std::pair<std::uint16_t, std::string>> ports;  // with their names, in their order
  std::vector<std::string> identifiers;
  Labels labels;  // of the container, without those of a port
};

/// Of a source of pods or of containers, in its order.
[[nodiscard]] std::vector<Service> services_of(const Groups& groups);

[[nodiscard]] bool is_meant(const AutodiscoveryOptions& options, const Service& service);

/// With what the variables stand for; those of the environment are not among them, as they are put
/// in where a file is read, and a container must not ask for them. Errors: not_found, for a
/// variable that the container has nothing for; the message names it.
[[nodiscard]] base::Result<config::Value> resolved(const config::Value& value,
                                                   const Service& service);

/// The instances of a check that a container asks for, with their variables. None: it asks for
/// none. Errors: invalid.
[[nodiscard]] base::Result<std::vector<config::Value>> instances_asked_for(
    const Service& service, std::string_view check_name);

/// Whether a container may set an option for itself: others make heapwatch read files of its own,
/// go by other ways or load other code.
[[nodiscard]] bool may_be_asked_for(const AutodiscoveryOptions& options, std::string_view key);

/// The tags that say which container it is: those of Datadog's Agent.
[[nodiscard]] std::vector<std::string> tags_of(const Service& service);

}  // namespace heapwatch::discovery
