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

struct RtloaderVariable {
  std::string_view dotted;
  RtloaderName name;
};

// Source: the list of series in the Datadog Agent's guide to its memory.
constexpr std::array<RtloaderVariable, 6> rtloader_variables{{
    {"rtloader.AllocatedBytes", {"allocatedbytes", "allocated_bytes"}},
    {"rtloader.FreedBytes", {"freedbytes", "freed_bytes"}},
    {"rtloader.Allocations", {"allocations", "allocations"}},
    {"rtloader.Frees", {"frees", "frees"}},
    {"rtloader.InuseBytes", {"inusebytes", "inuse_bytes"}},
    {"rtloader.UntrackedFrees", {"untrackedfrees", "untracked_frees"}},
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
  if (naming == Naming::guide) {
    for (const RtloaderVariable& variable : rtloader_variables) {
      if (variable.dotted == dotted) {
        return normalize("rtloader." + std::string(variable.name.guide), prefix);
      }
    }
  }
  return normalize(dotted, prefix);
}

std::array<RtloaderName, 6> rtloader_names() {
  std::array<RtloaderName, 6> names;
  std::transform(rtloader_variables.begin(), rtloader_variables.end(), names.begin(),
                 [](const RtloaderVariable& variable) { return variable.name; });
  return names;
}

}  // namespace heapwatch::check::go_expvar
