#include "check/go_expvar/metric_entry.h"

#include <algorithm>
#include <array>
#include <utility>

#include "check/go_expvar/name.h"

namespace heapwatch::check::go_expvar {

namespace {

using metrics::MetricType;

constexpr std::array<std::pair<std::string_view, MetricType>, 13> defaults{{
    {"memstats/Alloc", MetricType::gauge},
    {"memstats/HeapAlloc", MetricType::gauge},
    {"memstats/HeapSys", MetricType::gauge},
    {"memstats/HeapIdle", MetricType::gauge},
    {"memstats/HeapInuse", MetricType::gauge},
    {"memstats/HeapReleased", MetricType::gauge},
    {"memstats/HeapObjects", MetricType::gauge},
    {"memstats/TotalAlloc", MetricType::gauge},
    {"memstats/Lookups", MetricType::rate},
    {"memstats/Mallocs", MetricType::rate},
    {"memstats/Frees", MetricType::rate},
    {"memstats/PauseTotalNs", MetricType::rate},
    {"memstats/NumGC", MetricType::rate},
}};

// Source: the list of series in the Datadog Agent's guide to its memory.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> names_of_the_guide{{
    {"rtloader.AllocatedBytes", "rtloader.allocatedbytes"},
    {"rtloader.FreedBytes", "rtloader.freedbytes"},
    {"rtloader.Allocations", "rtloader.allocations"},
    {"rtloader.Frees", "rtloader.frees"},
    {"rtloader.InuseBytes", "rtloader.inusebytes"},
    {"rtloader.UntrackedFrees", "rtloader.untrackedfrees"},
}};

}  // namespace

std::vector<MetricEntry> default_entries() {
  std::vector<MetricEntry> entries;
  entries.reserve(defaults.size());
  for (const auto& [path, type] : defaults) {
    entries.push_back(
        {.path = *expvar::parse_path(path), .type = type, .alias = std::nullopt, .tags = {}});
  }
  return entries;
}

std::string metric_name(const expvar::KeyPath& path, const std::optional<std::string>& prefix,
                        Naming naming) {
  const std::string dotted = path.dotted();
  const auto* const known = std::find_if(names_of_the_guide.begin(), names_of_the_guide.end(),
                                         [&](const auto& entry) { return entry.first == dotted; });
  const bool renamed = naming == Naming::guide && known != names_of_the_guide.end();
  return normalize(renamed ? known->second : dotted, prefix);
}

}  // namespace heapwatch::check::go_expvar
