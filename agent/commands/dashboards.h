// The dashboards, monitors and alert rules that ship with heapwatch.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heapwatch::agent::commands {

struct Dashboard {
  std::string_view file;  // "grafana/heapwatch.json"
  std::string_view text;  // with the default names
};

/// In the order of their names.
[[nodiscard]] std::vector<Dashboard> shipped_dashboards();

/// What metrics are called where these dashboards are used.
struct DashboardNames {
  bool reference_naming = false;  // datadog.agent.rtloader.allocated_bytes
  // What comes before the names; with the dot, if there is one.
  std::string memstats_prefix = "go_expvar.";
  std::string rtloader_prefix = "datadog.agent.";
  bool suffixes = true;             // `_total` at Prometheus
  bool go_collector_names = false;  // go_memstats_heap_inuse_bytes at Prometheus
  // Where heapwatch itself is scraped.
  std::string own_pages = "localhost:5000";
  std::string metrics_page = "localhost:9464";
};

/// `text` with those names in place of the default ones.
[[nodiscard]] std::string with_names(const Dashboard& dashboard, const DashboardNames& names);

}  // namespace heapwatch::agent::commands
