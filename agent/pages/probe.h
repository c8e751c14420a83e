// `/probe?target=`: one run of go_expvar against an address that Prometheus names.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/pages/probe_index.h"
#include "agent/wiring/reload.h"
#include "check/target_url.h"
#include "net/routes.h"

namespace heapwatch::agent::pages {

/// Whether `host:port` is one of `allowed`: HOST, HOST:PORT, or .DOMAIN for every host below it.
/// With nothing allowed, loopback addresses are.
[[nodiscard]] bool may_probe(const std::string& host, std::uint16_t port,
                             const std::vector<std::string>& allowed);

/// Nothing is kept between probes: counters are shown as the running totals they are.
///
/// A target that is configured in conf.d is asked as it is configured there. Any other must be
/// allowed, and is asked without credentials, by http or https, without following redirects;
/// `module=NAMESPACE` then lends it the metrics of the first configured instance of that namespace.
///
/// Of a configuration only where what stands is kept, from its first probe on: one of ten thousand
/// instances is found and unpacked within a millisecond, while all of them take a hundred.
///
/// Threads: answer() may be called from any; beyond a few at once it answers 503.
class Probe {
 public:
  explicit Probe(std::function<std::shared_ptr<const wiring::InForce>()> in_force)
      : in_force_(std::move(in_force)) {}

  [[nodiscard]] net::ServerReply answer(const net::ServerRequest& request);

 private:
  struct Chosen;

  /// The configured instance of this target; else what the instance of the module lends.
  [[nodiscard]] static Chosen look_up(const ProbeIndex& index, const check::TargetUrl& target,
                                      const std::optional<std::string>& module);
  [[nodiscard]] static base::Result<Chosen> choose(const ProbeIndex& index,
                                                   const net::ServerRequest& request);
  [[nodiscard]] std::shared_ptr<const ProbeIndex> index();

  std::function<std::shared_ptr<const wiring::InForce>()> in_force_;
  std::mutex mutex_;
  std::shared_ptr<const ProbeIndex> index_;  // of the configuration last asked; under mutex_
  std::atomic<unsigned> running_{0};
};

/// `/probe`: takes long, since it waits for its target. `probe` outlives whoever serves it.
[[nodiscard]] net::Route probe_route(Probe& probe);

}  // namespace heapwatch::agent::pages
