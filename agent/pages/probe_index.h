// Where in a configuration the targets and modules of `/probe` stand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/wiring/reload.h"
#include "check/target_url.h"
#include "config/check_config.h"

namespace heapwatch::agent::pages {

/// Sixteen bytes an instance and sixteen a namespace; the instances stay packed.
class ProbeIndex {
 public:
  static constexpr const char* check_name = "go_expvar";

  explicit ProbeIndex(std::shared_ptr<const wiring::InForce> in_force);
  [[nodiscard]] const wiring::InForce& in_force() const { return *in_force_; }

  /// The first instance of the target, of that namespace if one is named, alone in its file.
  [[nodiscard]] std::optional<config::CheckConfig> find(
      const check::TargetUrl& target, const std::optional<std::string>& module) const;
  /// The first instance of a namespace, likewise.
  [[nodiscard]] std::optional<config::CheckConfig> find_module(const std::string& module) const;

 private:
  struct Place {
    std::uint64_t hash = 0;  // of what is looked for; what stands there decides
    std::uint32_t file = 0;
    std::uint32_t instance = 0;
  };

  template <typename Matches>
  [[nodiscard]] std::optional<config::CheckConfig> first(const std::vector<Place>& places,
                                                         std::uint64_t hash,
                                                         const Matches& matches) const;

  std::shared_ptr<const wiring::InForce> in_force_;
  std::vector<Place> targets_;  // by hash, then in the order of the configuration
  std::vector<Place> modules_;  // likewise; the first of each namespace
};

}  // namespace heapwatch::agent::pages
