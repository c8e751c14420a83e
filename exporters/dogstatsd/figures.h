// What heapwatch's own pages say of DogStatsD.
#pragma once

#include <cstddef>

#include "exporters/dogstatsd/counters.h"
#include "exporters/exporter.h"

namespace heapwatch::exporters::dogstatsd {

/// The counters by the names of the official client's telemetry.
[[nodiscard]] ExporterFigures figures_of(const Counters& counters, std::size_t packets_queued);

}  // namespace heapwatch::exporters::dogstatsd
