// What to make of the variables of a page: an entry of the `metrics` list, or a default.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "expvar/path.h"
#include "metrics/context.h"
#include "metrics/sample.h"

namespace heapwatch::check::go_expvar {

struct MetricEntry {
  expvar::Path path;
  metrics::MetricType type = metrics::MetricType::gauge;
  std::optional<std::string> alias;  // the name as it stands; empty: the usual name
  metrics::Tags tags;
  /// Ends the usual name, where an earlier entry has the path with another type.
  std::string suffix = {};
  /// rate and monotonic_counter: a series that appears after the first run, and a value below the
  /// last one, count from zero.
  bool flush_first_value = false;
};

/// Which names the rtloader counters have.
enum class Naming : bool {
  guide,      // datadog.agent.rtloader.allocatedbytes
  reference,  // datadog.agent.rtloader.allocated_bytes
};

/// The thirteen variables of runtime.MemStats that are collected without being asked for.
[[nodiscard]] std::vector<MetricEntry> default_entries();

/// What the two ways to name the variables of rtloader call them.
struct RtloaderName {
  std::string_view guide;      // "allocatedbytes"
  std::string_view reference;  // "allocated_bytes"
};
/// None is the beginning of another.
[[nodiscard]] std::array<RtloaderName, 6> rtloader_names();

/// The name of the metric that the variable at `path` becomes.
[[nodiscard]] std::string metric_name(const expvar::KeyPath& path,
                                      const std::optional<std::string>& prefix, Naming naming);

}  // namespace heapwatch::check::go_expvar
