// What people see of a check instance in `heapwatch status` and at the end of `heapwatch check`.
#pragma once

#include <string>

#include "metrics/run_stats.h"
#include "metrics/snapshot.h"

namespace heapwatch::exporters::console {

class Json;

struct StatusOptions {
  bool colour = false;
};

/// The heading above the blocks of a check's instances: its name and version, underlined.
[[nodiscard]] std::string render_status_heading(const metrics::Instance& instance);

/// From `Instance ID: ... [OK]` to the error and warnings, as the Agent lays it out.
[[nodiscard]] std::string render_status_block(const metrics::RunStats& status,
                                              const StatusOptions& options = {});

/// Writes the same as one JSON object, with the Agent's names.
void append_status(Json& json, const metrics::RunStats& status);

}  // namespace heapwatch::exporters::console
