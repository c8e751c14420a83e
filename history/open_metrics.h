// A life of the history as OpenMetrics text with timestamps: what Prometheus' promtool makes blocks
// of, and what people can read.
#pragma once

#include <string>

#include "history/archive.h"

namespace heapwatch::history {

/// All families with their samples, oldest first, and the mark of the end. Labels say whose they
/// are: `life`, `kind`, `service`, `name`, `pid`; of rows `space`, `owner`, `state`.
[[nodiscard]] std::string open_metrics(const Life& life, const Course& course);

}  // namespace heapwatch::history
