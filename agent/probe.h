// `/probe?target=`: one run of go_expvar against an address that Prometheus names.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/reload.h"
#include "check/target_url.h"
#include "net/http_server.h"

namespace heapwatch::agent {

/// Whether `host:port` is one of `allowed`: HOST, HOST:PORT, or .DOMAIN for every host below it.
/// With nothing allowed, loopback addresses are.
[[nodiscard]] bool may_probe(const std::string& host, std::uint16_t port,
                             const std::vector<std::string>& allowed);

/// Nothing is kept between probes: counters are shown as the running totals they are.
///
/// A target that is configured in conf.d is asked as it is configured there. Any other must be
/// allowed, and is asked without credentials, by http or https, without following redirects;
/// `module=NAMESPACE` then lends it the metrics of the configured instance of that namespace.
///
/// Threads: answer() may be called from any; beyond a few at once it answers 503.
class Probe {
 public:
  explicit Probe(std::function<std::shared_ptr<const InForce>()> in_force)
      : in_force_(std::move(in_force)) {}

  [[nodiscard]] net::ServerReply answer(const net::ServerRequest& request);

 private:
  struct Chosen;

  /// The configured instance of this target; else what the instances of the module lend.
  [[nodiscard]] static Chosen look_up(const InForce& in_force, const check::TargetUrl& target,
                                      const std::optional<std::string>& module);
  [[nodiscard]] static base::Result<Chosen> choose(const InForce& in_force,
                                                   const net::ServerRequest& request);

  std::function<std::shared_ptr<const InForce>()> in_force_;
  std::atomic<unsigned> running_{0};
};

}  // namespace heapwatch::agent
