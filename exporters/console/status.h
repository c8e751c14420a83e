// What people see of a check instance in `heapwatch status` and at the end of `heapwatch check`.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "metrics/snapshot.h"

namespace heapwatch::exporters::console {

class Json;

/// The runs of one instance so far.
struct InstanceStatus {
  metrics::InstancePtr instance;
  std::uint64_t runs = 0;
  std::uint64_t errors = 0;        // runs that failed
  std::uint64_t warnings = 0;      // of all runs
  std::uint64_t samples_last = 0;  // of the last run that had any
  std::uint64_t samples_total = 0;
  std::uint64_t events_last = 0;
  std::uint64_t events_total = 0;
  std::uint64_t service_checks_last = 0;
  std::uint64_t service_checks_total = 0;
  std::deque<std::chrono::milliseconds> durations;  // of the last runs, the newest last
  std::optional<std::chrono::system_clock::time_point> last_run;
  std::optional<std::chrono::system_clock::time_point> last_success;
  std::string last_error;  // empty: the last run did not fail
  std::vector<std::string> last_warnings;
};

/// Adds a run. Source: the average is over 32 runs; a run without samples, events or service checks
/// leaves their last number as it was.
void record_run(InstanceStatus& status, const metrics::Snapshot& run);

[[nodiscard]] std::chrono::milliseconds average_duration(const InstanceStatus& status);

struct StatusOptions {
  bool colour = false;
};

/// The heading above the blocks of a check's instances: its name and version, underlined.
[[nodiscard]] std::string render_status_heading(const metrics::Instance& instance);

/// From `Instance ID: ... [OK]` to the error and warnings, as the Agent lays it out.
[[nodiscard]] std::string render_status_block(const InstanceStatus& status,
                                              const StatusOptions& options = {});

/// The same as one JSON object, indented by two spaces, with the Agent's names.
[[nodiscard]] std::string render_status_json(const InstanceStatus& status);

/// Appends that object to a larger text.
void append_status(Json& json, const InstanceStatus& status);

}  // namespace heapwatch::exporters::console
