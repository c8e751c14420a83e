// `heapwatch dashboards`: writes the dashboards with the names in use, and what others scrape us
// by.
#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <set>
#include <system_error>
#include <utility>

#include "agent/commands/commands.h"
#include "agent/commands/dashboards.h"
#include "base/file.h"
#include "check/go_expvar/instance_names.h"

namespace heapwatch::agent::commands {

namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string for_prometheus(std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return std::isalnum(c) == 0 && c != '_' && c != ':'; }, '_');
  return name;
}

using Renames = std::vector<std::pair<std::string, std::string>>;

constexpr std::array<std::pair<std::string_view, std::string_view>, 11> go_names{
    {{"heap_inuse", "go_memstats_heap_inuse_bytes"},
     {"heap_idle", "go_memstats_heap_idle_bytes"},
     {"heap_released", "go_memstats_heap_released_bytes"},
     {"heap_sys", "go_memstats_heap_sys_bytes"},
     {"heap_objects", "go_memstats_heap_objects"},
     {"mallocs_total", "go_memstats_mallocs_total"},
     {"frees_total", "go_memstats_frees_total"},
     {"pause_ns_sum", "go_gc_duration_seconds_sum * 1e9"},
     {"pause_ns_count", "go_gc_duration_seconds_count"},
     {"pause_ns", "go_gc_duration_seconds"},
     {"total_alloc", "go_memstats_alloc_bytes_total"}}};

Renames address_renames(const DashboardNames& names) {
  return {{"localhost:5000", names.own_pages}, {"localhost:9464", names.metrics_page}};
}

/// An address to ask at, of one that is listened on.
std::string address_to_ask(std::string_view host, std::string_view port) {
  const bool is_this_machine = host.empty() || host == "127.0.0.1" || host == "0.0.0.0" ||
                               host == "::" || host == "[::]" || host == "::1" || host == "[::1]";
  std::string shown(is_this_machine ? "localhost" : host);
  if (shown.find(':') != std::string::npos && shown.front() != '[') {
    shown.insert(0, 1, '[').append(1, ']');
  }
  return shown.append(1, ':').append(port);
}

Renames datadog_renames(const DashboardNames& names) {
  Renames renames;
  if (names.reference_naming) {
    for (const auto& [guide, reference] : check::go_expvar::rtloader_names()) {
      renames.emplace_back("rtloader." + std::string(guide), "rtloader." + std::string(reference));
    }
  }
  renames.emplace_back("datadog.agent.rtloader.", names.rtloader_prefix + "rtloader.");
  renames.emplace_back("go_expvar.memstats.", names.memstats_prefix + "memstats.");
  return renames;
}

Renames prometheus_renames(const DashboardNames& names) {
  Renames renames;
  const std::string memstats = "go_expvar_memstats_";
  if (names.go_collector_names) {
    // The pauses are a summary of seconds, with other quantiles.
    renames.emplace_back("rate(" + memstats + "pause_ns_sum",
                         "1e9 * rate(go_gc_duration_seconds_sum");
    for (const auto& [quantile, theirs] : {std::pair{"quantile=\"1.0\"", "quantile=\"1\""},
                                           {"quantile=\"0.95\"", "quantile=\"0.75\""}}) {
      renames.emplace_back(quantile, theirs);
      std::string escaped = quantile;
      replace_all(escaped, "\"", "\\\"");
      std::string escaped_theirs = theirs;
      replace_all(escaped_theirs, "\"", "\\\"");
      renames.emplace_back(escaped, escaped_theirs);
    }
    renames.emplace_back("max(" + memstats + "pause_ns{", "1e9 * max(go_gc_duration_seconds{");
    renames.emplace_back("avg(" + memstats + "pause_ns{", "1e9 * avg(go_gc_duration_seconds{");
    renames.emplace_back("\"95 %\"", "\"75 %\"");
    for (const auto& [ours, theirs] : go_names) {
      renames.emplace_back(memstats + std::string(ours), theirs);
    }
  }
  if (!names.suffixes) {
    for (const char* const counter :
         {"allocatedbytes", "freedbytes", "allocations", "frees", "untrackedfrees"}) {
      renames.emplace_back("rtloader_" + std::string(counter) + "_total",
                           "rtloader_" + std::string(counter));
    }
    renames.emplace_back(memstats + "mallocs_total", memstats + "mallocs");
    renames.emplace_back(memstats + "frees_total", memstats + "frees");
  }
  if (names.reference_naming) {
    for (const auto& [guide, reference] : check::go_expvar::rtloader_names()) {
      renames.emplace_back("rtloader_" + std::string(guide), "rtloader_" + std::string(reference));
    }
  }
  renames.emplace_back("datadog_agent_rtloader_",
                       for_prometheus(names.rtloader_prefix) + "rtloader_");
  renames.emplace_back(memstats, for_prometheus(names.memstats_prefix) + "memstats_");
  return renames;
}

/// The names that the configured instances give their metrics. Where they differ, the default
/// stays, and what they are is told.
DashboardNames names_in_use(const wiring::Configured& configured) {
  DashboardNames names;
  names.suffixes = configured.agent.prometheus.suffixes;
  names.go_collector_names =
      configured.agent.prometheus.memstats_names == config::MemstatsNames::go_collector;
  if (configured.agent.expvar_port != 0) {
    names.own_pages =
        address_to_ask(configured.agent.expvar_host, std::to_string(configured.agent.expvar_port));
  }
  const std::string& listen = configured.agent.prometheus.listen;
  if (const auto colon = listen.rfind(':'); colon != std::string::npos) {
    names.metrics_page = address_to_ask(listen.substr(0, colon), listen.substr(colon + 1));
  }
  std::set<std::string> memstats;
  std::set<std::string> rtloader;
  std::set<bool> reference;
  std::set<bool> go_collector;
  for (const config::PackedCheckConfig& packed : configured.confd.checks) {
    if (packed.check_name != "go_expvar") {
      continue;
    }
    const config::CheckConfig file = packed.unpack();
    for (const config::Value& instance : file.instances) {
      const auto used = check::go_expvar::names_of(file.init_config, instance, configured.agent);
      const std::string prefix = check::go_expvar::name_prefix(used.prefix);
      if (used.memstats) {
        memstats.insert(prefix);
        go_collector.insert(used.memstats_names == config::MemstatsNames::go_collector);
      }
      if (check::go_expvar::lists_rtloader(instance)) {
        rtloader.insert(prefix);
        reference.insert(used.naming == check::go_expvar::Naming::reference);
      }
    }
  }
  const auto settle = [](auto& name, const auto& found, const char* what) {
    if (found.size() == 1) {
      name = *found.begin();
    } else if (found.size() > 1) {
      std::cerr << "heapwatch: instances differ in " << what
                << "; the dashboards keep the default, say another with an option\n";
    }
  };
  settle(names.memstats_prefix, memstats, "the namespace of their memstats");
  settle(names.rtloader_prefix, rtloader, "the namespace of rtloader");
  settle(names.reference_naming, reference, "naming");
  settle(names.go_collector_names, go_collector, "memstats_names");
  return names;
}

}  // namespace

std::string with_names(const Dashboard& dashboard, const DashboardNames& names) {
  std::string text(dashboard.text);
  const Renames renames = dashboard.file.starts_with("scrape/")    ? address_renames(names)
                          : dashboard.file.starts_with("datadog/") ? datadog_renames(names)
                                                                   : prometheus_renames(names);
  for (const auto& [from, to] : renames) {
    replace_all(text, from, to);
  }
  return text;
}

int write_dashboards(const wiring::GlobalOptions& global, const DashboardOptions& options) {
  if (options.folder.empty()) {
    std::cerr << "heapwatch: --out is empty; name the folder to write to, \".\" for this one\n";
    return 1;
  }
  const wiring::Configured configured = load(global, wiring::WhenWrong::go_on, "go_expvar");
  for (const config::Diagnostic& diagnostic : configured.diagnostics.all()) {
    if (diagnostic.severity == config::Diagnostic::Severity::error) {
      std::cerr << "heapwatch: " << config::to_text(diagnostic) << '\n';
    }
  }
  DashboardNames names = names_in_use(configured);
  if (options.naming) {
    names.reference_naming = *options.naming == "reference";
  }
  if (options.memstats_names) {
    names.go_collector_names = *options.memstats_names == "go_collector";
  }
  if (options.memstats_namespace) {
    names.memstats_prefix = check::go_expvar::name_prefix(options.memstats_namespace);
  }
  if (options.rtloader_namespace) {
    names.rtloader_prefix = check::go_expvar::name_prefix(options.rtloader_namespace);
  }
  const std::filesystem::path folder = options.folder;
  for (const Dashboard& dashboard : shipped_dashboards()) {
    const std::filesystem::path file = folder / dashboard.file;
    std::error_code failure;
    std::filesystem::create_directories(file.parent_path(), failure);
    std::string reason = failure ? failure.message() : std::string();
    if (!failure) {
      if (const auto written = base::write_file(file, with_names(dashboard, names)); !written) {
        reason = written.error().message.substr(file.string().size() + 2);  // after the path
      }
    }
    if (!reason.empty()) {
      std::cerr << "heapwatch: " << file.string() << ": cannot be written: " << reason << '\n';
      return 1;
    }
    std::cout << file.string() << '\n';
  }
  return 0;
}

}  // namespace heapwatch::agent::commands
