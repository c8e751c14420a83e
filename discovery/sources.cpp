// The sources that there are, and what they have in common.
#include <array>

#include "base/hash.h"
#include "config/duration.h"
#include "discovery/source.h"

namespace heapwatch::discovery {

namespace {

constexpr std::array<SourceKind, 6> kinds{{
    {.key = "file_sd_configs", .read = read_file_source},
    {.key = "http_sd_configs", .read = read_http_source},
    {.key = "dns_sd_configs", .read = read_dns_source},
    {.key = "docker_sd_configs", .read = read_docker_source},
    {.key = "kubernetes_sd_configs", .read = read_kubernetes_source},
    {.key = "processes", .read = read_process_source},
}};

constexpr std::chrono::milliseconds interval_min{1'000};
constexpr std::chrono::milliseconds interval_max{std::int64_t{24} * 3'600'000};

}  // namespace

std::span<const SourceKind> source_kinds() {
  return kinds;
}

SourceOptions read_common(config::Section& section, const CommonDefaults& defaults) {
  SourceOptions options;
  options.identity = base::fnv1a(config::to_yaml(section.value()), base::fnv1a(section.file()));
  options.refresh_interval =
      config::read_duration(section, "refresh_interval", {interval_min, interval_max})
          .value_or(defaults.refresh_interval);
  if (const auto most = section.integer("max_targets", 1, targets_limit_max)) {
    options.limits.targets_max = static_cast<std::size_t>(*most);
  }
  if (defaults.has_hosts) {
    options.allowed = read_allowed(section, "allowed_targets");
  }
  if (!options.allowed && defaults.must_be_allowed && section.raw("allowed_targets") == nullptr) {
    section.error("", section.name_of("allowed_targets") +
                          " is missing: what answers decides whom heapwatch asks, so name the "
                          "hosts that it may ask, such as [10.0.0.0/8, .example.com]");
  }
  section.finish();
  return options;
}

}  // namespace heapwatch::discovery
