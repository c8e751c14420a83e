// heapwatch's own figures as metrics of the Prometheus page.
#pragma once

#include <vector>

#include "agent/pages/self_report.h"
#include "exporters/own_family.h"

namespace heapwatch::agent::pages {

/// `figures.instances` is not looked at: what is told of single targets is told by their runs.
[[nodiscard]] std::vector<exporters::OwnFamily> own_metrics(const OwnFigures& figures);

}  // namespace heapwatch::agent::pages
