// What heapwatch counts of itself, as series to be sent.
#pragma once

#include <vector>

#include "exporters/prometheus/collected.h"
#include "exporters/remote_write/endpoint.h"

namespace heapwatch::exporters::remote_write {

/// A summary becomes its sum and its count.
[[nodiscard]] std::vector<OwnRow> own_rows(const prometheus::Collectables& collectables);

}  // namespace heapwatch::exporters::remote_write
