#include "config/exposure.h"

#include "base/loopback.h"

namespace heapwatch::config {

namespace {

std::string_view host_of(std::string_view listen) {
  return listen.substr(0, listen.rfind(':'));
}

bool is_local(std::string_view host) {
  return base::is_loopback(host) || host.starts_with("unix:") || host.starts_with('/');
}

}  // namespace

void check_exposure(const AgentConfig& config, bool is_guarded,
                    const std::function<OptionPlace(std::string_view key)>& place,
                    Diagnostics& diagnostics) {
  static constexpr std::string_view bare =
      ", and it has neither a password nor TLS: let a firewall or a proxy decide who comes, "
      "name a file in web -> config_file, or listen on 127.0.0.1";
  if (config.expvar_port != 0 && !is_local(config.expvar_host) && !is_guarded) {
    const OptionPlace at = place("expvar_host");
    diagnostics.warning(at.file, at.line, at.column,
                        std::string("expvar_host ")
                            .append(at.written)
                            .append(" lets other machines read heapwatch's own page (status, "
                                    "addresses of targets; not profiles)")
                            .append(bare));
  }
  const PrometheusConfig& prometheus = config.prometheus;
  if (!prometheus.enabled || is_local(prometheus.listen) || is_local(host_of(prometheus.listen))) {
    return;
  }
  const OptionPlace at = place("prometheus.listen");
  if (prometheus.probe && prometheus.probe_targets.empty()) {
    const OptionPlace probe = place("prometheus.probe");
    diagnostics.error(probe.file, probe.line, probe.column,
                      "prometheus -> probe at " + at.written +
                          " would let other machines ask what only this one reaches: list what "
                          "they may name in prometheus -> probe_targets, or listen on "
                          "127.0.0.1");
  }
  if (is_guarded) {
    return;
  }
  diagnostics.warning(at.file, at.line, at.column,
                      std::string("prometheus -> listen ")
                          .append(at.written)
                          .append(" lets other machines read the metrics page")
                          .append(bare));
}

}  // namespace heapwatch::config
